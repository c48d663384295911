// The node's counters in Prometheus' text format. One row for each metric: name, kind, help.
#pragma once
#include <string>

#include "store/store.h"

namespace parley {

struct NodeHealth;

std::string MetricsText(const StoreStats& store, const NodeHealth& health);

}  // namespace parley
