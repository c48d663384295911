// Rows of /metrics about requests and rate limits. Any thread.
#pragma once
#include "base/metric_families.h"
#include "http/rate_limiter.h"
#include "http/request_times.h"

namespace parley {

void AddMetrics(const RequestTimes& requests, const RateLimiter& limiter, MetricFamilies& out);

}  // namespace parley
