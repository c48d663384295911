// The node's metrics in the Prometheus text format. Each metric is one row: name, kind, help.
#pragma once
#include <string>

#include "store/store.h"

namespace parley {

struct NodeHealth;

std::string MetricsText(const StoreStats& store, const NodeHealth& health);

}  // namespace parley
