// Lists of conversations through the cache (docs/adr/0015). Threads: any.
#pragma once
#include <optional>

#include "base/task.h"
#include "feature/conversations/list_assembly.h"
#include "feature/services.h"

namespace parley {

class ListCache {
 public:
  // `ignore_failures`: continue without the cache if Redis fails.
  ListCache(RedisCache& cache, CacheFormat format, bool ignore_failures, CacheCounters& counters)
      : cache_(cache),
        format_(std::move(format)),
        ignore_failures_(ignore_failures),
        counters_(counters) {}

  // As ConversationStore::ListConversations. Errors: cache_unavailable, unless failures are ignored.
  // `services` are those of the calling shard.
  Task<Result<PageOfConversations>> List(Services& services, UserId reader, int limit,
                                         std::optional<ConversationCursor> after);
  // Removes the conversation's summary, which has the text of its last message. In the background, or not
  // at all if Redis fails; then it expires.
  void Evict(const Uuid& conversation);

 private:
  RedisCache& cache_;
  const CacheFormat format_;
  const bool ignore_failures_;
  CacheCounters& counters_;
};

}  // namespace parley
