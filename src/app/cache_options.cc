#include "app/cache_options.h"

namespace parley {

using std::chrono::duration_cast, std::chrono::milliseconds;

std::optional<RedisCache::Options> CacheOptionsOf(const Config& config) {
  const CacheConfig& cache = config.cache;
  const std::string& url = cache.location.empty() ? config.redis.url : cache.location;
  if (!cache.enabled || url.empty()) return std::nullopt;
  return RedisCache::Options{
      .address = ParseRedisUrl(url).value(),
      .connect_timeout = duration_cast<milliseconds>(cache.socket_connect_timeout),
      .socket_timeout = duration_cast<milliseconds>(cache.socket_timeout),
      .max_connections = static_cast<size_t>(cache.max_connections),
      .own_keys = CacheKey(cache.key_prefix, "")};
}

CacheFormat CacheFormatOf(const Config& config, const std::string& secret) {
  const bool zlib =
      config.cache.compressor == "zlib" || config.cache.compressor.ends_with(".ZlibCompressor");
  return {.prefix = config.cache.key_prefix,
          .compressor = zlib ? CacheCompressor::kZlib : CacheCompressor::kNone,
          .lifetime = duration_cast<milliseconds>(config.cache.timeout),
          .seal = CacheSeal(secret)};
}

}  // namespace parley
