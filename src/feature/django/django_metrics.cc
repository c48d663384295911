#include "feature/django/django_metrics.h"

#include "django/layer_metrics.h"

namespace parley {

void AddMetrics(const DjangoCounters& counters, MetricFamilies& out) {
  const auto number = [](const Counter& counter) { return static_cast<double>(counter.value()); };
  out.AddCounters("channel_layer_foreign_messages_total",
                  "Chat messages from Django that were not in the store, by outcome.",
                  {{{{"outcome", "relayed"}}, number(counters.relayed)},
                   {{{"outcome", "stored"}}, number(counters.stored)},
                   {{{"outcome", "dropped"}}, number(counters.dropped)}});
  django::AddMetrics(counters.layer, out);
}

}  // namespace parley
