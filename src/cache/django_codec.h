// Keys and values in the format of django-redis, so that a Django project reads them with a cache alias
// whose SERIALIZER is django_redis.serializers.json.JSONSerializer: an integer is its decimal digits,
// every other value is JSON, compressed by zlib if it is longer than 15 bytes.
//
// Values from Redis are untrusted. Pickles are recognized and refused; nothing here unpickles.
// Threads: any.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace parley {

// "PREFIX:VERSION:KEY", as django_redis.util.default_reverse_key and Django's default KEY_FUNCTION.
std::string DjangoCacheKey(std::string_view prefix, int version, std::string_view key);

// The same for an entry of Parley: django-redis' default version, and a name space within the prefix, which
// can be that of Django's own keys.
std::string CacheKey(std::string_view prefix, std::string_view key);

enum class CacheCompressor : uint8_t { kNone, kZlib };

// Encodes JSON text.
std::string EncodeCacheJson(std::string_view json, CacheCompressor compressor);

struct CacheJson {
  std::string text;  // not checked
};
using CacheValue = std::variant<int64_t, CacheJson>;

// Decodes a value, whatever the writer's COMPRESSOR: zlib, gzip or none. Returns nullopt for a pickle,
// and for text that is longer than `most_bytes` when decompressed.
std::optional<CacheValue> DecodeCacheValue(std::string_view bytes, size_t most_bytes);

}  // namespace parley
