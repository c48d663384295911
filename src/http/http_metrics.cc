#include "http/http_metrics.h"

namespace parley {

void AddMetrics(const RequestTimes& requests, const RateLimiter& limiter, MetricFamilies& out) {
  out.AddHistograms("http_request_seconds",
                    "Seconds from the first byte of a request to the first byte of its response, "
                    "by method, route and status.",
                    [&](const auto& add) {
                      requests.ForEach([&](const RequestLabels& labels, const Histogram& times) {
                        add({{"method", labels.method},
                             {"route", labels.route},
                             {"status", std::to_string(labels.status)}},
                            times);
                      });
                    });
  std::vector<MetricFamilies::Value> limited;
  for (size_t i = 1; i < kLimitCount; ++i) {
    limited.push_back({{{"verb", std::string(kLimitNames[i])}},
                       static_cast<double>(limiter.refused(static_cast<Limit>(i)))});
  }
  out.AddCounters("rate_limited_total",
                  "Requests, commands and sockets refused by a rate limit, by verb.", limited);
  const SharedLimitCounters& shared = limiter.shared_counters();
  out.AddCounters("rate_limit_shared_total",
                  "Rate limit charges exchanged with other nodes, by direction.",
                  {{{{"direction", "out"}}, static_cast<double>(shared.sent.value())},
                   {{{"direction", "in"}}, static_cast<double>(shared.received.value())}});
  out.AddCounter(
      "rate_limit_unshared_total",
      "Rate limit charges that did not reach another node: the bus was down, or too many "
      "users were active.",
      shared.lost.value());
  out.AddGauge("rate_limiter_entries", "Users and addresses tracked by the rate limiter.",
               static_cast<double>(limiter.entries()));
}

}  // namespace parley
