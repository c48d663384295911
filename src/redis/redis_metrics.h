// Rows of /metrics about Redis servers. Any thread.
#pragma once
#include <map>
#include <string>

#include "base/metric_families.h"
#include "redis/redis_info.h"

namespace parley {

// `servers`: figures by address. A server without a figure has no sample of it.
void AddMetrics(const std::map<std::string, RedisInfo>& servers, MetricFamilies& out);

}  // namespace parley
