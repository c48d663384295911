#include "cache/key_set_cache.h"

#include <openssl/sha.h>

#include <array>
#include <future>

#include "auth/base64url.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

constexpr size_t kMostEntry = 512 * 1024;       // bytes
constexpr size_t kMostEntryJson = 1024 * 1024;  // when decompressed

}  // namespace

KeySetCache::KeySetCache(RedisCache& cache, CacheSeal seal, CacheCompressor compressor,
                         const Uuid& store, std::function<std::string(std::string_view)> key_of,
                         CacheCounters& counters)
    : cache_(cache),
      seal_(std::move(seal)),
      compressor_(compressor),
      store_(store),
      key_of_(std::move(key_of)),
      counters_(counters) {}

std::string KeySetCache::KeyOf(const std::string& location) const {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(location.data()), location.size(), digest.data());
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  return key_of_("key_set:" + store_.ToString() + ":" + EncodeBase64Url(bytes));
}

std::optional<FetchedKeySet> KeySetCache::Load(const std::string& location) {
  const std::string key = KeyOf(location);
  auto answer = std::make_shared<std::promise<Result<RedisCache::Values>>>();
  auto values = answer->get_future();
  cache_.Get({{key, kMostEntry}},
             [answer](Result<RedisCache::Values> found) { answer->set_value(std::move(found)); });
  const auto count = [&](CacheResult result) {
    counters_.Lookups(CachedKind::kKeySet, result).Add();
  };
  const Result<RedisCache::Values> found = values.get();
  if (!found || !found->front()) {
    count(found ? CacheResult::kMiss : CacheResult::kUnanswered);
    return std::nullopt;
  }
  auto set = Parse(key, location, *found->front());
  count(set ? CacheResult::kHit : CacheResult::kInvalid);
  return set;
}

std::optional<FetchedKeySet> KeySetCache::Parse(const std::string& key, const std::string& location,
                                                std::string_view value) {
  const auto decoded = DecodeCacheValue(value, kMostEntryJson);
  const auto* const text = decoded ? std::get_if<CacheJson>(&*decoded) : nullptr;
  const auto data = text != nullptr ? seal_.Open(key, text->text) : std::nullopt;
  if (!data) return std::nullopt;
  const Result<JsonObject> object = json_.ParseObject(*data);
  if (!object) return std::nullopt;
  FieldReader fields(*object);
  const auto source = fields.Text("location"), keys = fields.Text("keys");
  const auto fetched_at = fields.Text("fetched_at");
  const auto time = fetched_at ? ParseTimestamp(*fetched_at) : std::nullopt;
  if (!keys || !time || source != location) return std::nullopt;
  return FetchedKeySet{std::string(*keys), *time};
}

void KeySetCache::Save(const std::string& location, const FetchedKeySet& set,
                       std::chrono::milliseconds lifetime) {
  std::string data;
  JsonWriter json(data);
  json.BeginObject();
  json.Field("location", location);
  json.Field("fetched_at", set.fetched_at);
  json.Field("keys", set.text);
  json.EndObject();
  std::string key = KeyOf(location);
  std::string value = EncodeCacheJson(seal_.Seal(key, data), compressor_);
  if (value.size() > kMostEntry) return counters_.unwritten.Add();
  cache_.Set({{std::move(key), std::move(value), lifetime}});
}

}  // namespace parley
