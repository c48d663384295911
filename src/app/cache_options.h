// The cache of a node from its configuration.
#pragma once
#include <optional>

#include "cache/redis_cache.h"
#include "config/config.h"
#include "feature/conversations/list_assembly.h"

namespace parley {

// nullopt: no cache.
std::optional<RedisCache::Options> CacheOptionsOf(const Config& config);
// `secret` is the store's.
CacheFormat CacheFormatOf(const Config& config, const std::string& secret);

}  // namespace parley
