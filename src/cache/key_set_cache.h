// Key sets (JWKS) in the cache, so that not every node fetches them, and a node that starts while the
// issuer is unreachable has keys. A key set grants access, so entries are authentic (CacheSeal) and name
// their source and the time of the fetch, which bounds their use: an old entry that is put back is not
// used for longer than it was at first.
//
// Threads: calls block until Redis replies or a timeout; they come from the thread that refreshes keys.
#pragma once
#include "auth/key_refresher.h"
#include "base/ids.h"
#include "cache/cache_seal.h"
#include "cache/django_codec.h"
#include "cache/redis_cache.h"
#include "protocol/json_reader.h"

namespace parley {

class KeySetCache final : public SharedKeySets {
 public:
  // `store`: the identity of the store whose secret the seal has. `key_of` names an entry.
  KeySetCache(RedisCache& cache, CacheSeal seal, CacheCompressor compressor, const Uuid& store,
              std::function<std::string(std::string_view)> key_of, CacheCounters& counters);

  std::optional<FetchedKeySet> Load(const std::string& location) override;
  void Save(const std::string& location, const FetchedKeySet& set,
            std::chrono::milliseconds lifetime) override;

 private:
  std::string KeyOf(const std::string& location) const;
  std::optional<FetchedKeySet> Parse(const std::string& key, const std::string& location,
                                     std::string_view value);

  RedisCache& cache_;
  const CacheSeal seal_;
  const CacheCompressor compressor_;
  const Uuid store_;
  const std::function<std::string(std::string_view)> key_of_;
  CacheCounters& counters_;
  JsonReader json_{8};
};

}  // namespace parley
