// Unread counts of single conversations, on a store that this process alone writes to. A count is served while the
// versions of the conversation and of the user are the same as before it was read (store/conversation_versions.h), so
// it is never older than an acknowledged change.
//
// Only counts of members are kept. Bounds: kMaxBytes; the count that was used least recently is evicted. Threads: one
// shard.
#pragma once
#include <optional>
#include <string>

#include "base/keyed_hash.h"
#include "base/lru_by_bytes.h"
#include "feature/inbox_cache.h"
#include "store/conversation_versions.h"

namespace parley {

class UnreadCache {
 public:
  static constexpr size_t kMaxBytes = 1024 * 1024;

  // `versions`: null if there are other writers; then nothing is kept. The counters are shared with the other answers
  // about a user's conversations.
  UnreadCache(const ConversationVersions* versions, InboxCacheCounters& counters)
      : versions_(versions), counters_(counters), entries_(kMaxBytes, counters.bytes) {}

  struct Stamp {
    ConversationVersions::Version conversation, user;
    bool operator==(const Stamp&) const = default;
  };

  // Returns the versions now; nullopt if a count cannot be kept, because a change is in flight.
  std::optional<Stamp> Now(const Uuid& conversation, const UserId& user) const;
  // Returns the count if it is current at `now`.
  std::optional<int64_t> Find(const Uuid& conversation, const UserId& user,
                              const std::optional<Stamp>& now);
  // Keeps a count that was read after `before` was taken.
  void Add(const Uuid& conversation, const UserId& user, const std::optional<Stamp>& before,
           int64_t count);

 private:
  struct Entry {
    Stamp stamp = {};
    int64_t count = 0;
  };
  const ConversationVersions* versions_;
  InboxCacheCounters& counters_;
  LruByBytes<std::string, Entry, KeyedHash> entries_;
};

}  // namespace parley
