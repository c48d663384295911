// Answers about all conversations of a user (the list, the unread count), on a store that this process alone
// writes to. An answer is served while the versions of the user and of each of the user's conversations are
// the same as before the answer was read (store/conversation_versions.h), so it is never older
// than an acknowledged change. One answer is kept for each user.
//
// Bounds: kMaxBytes; the answer that was used least recently is evicted. Users with more than kMaxConversations get
// their answers from the store. Threads: one shard.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/keyed_hash.h"
#include "base/lru_by_bytes.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/task.h"
#include "domain/message.h"
#include "feature/services.h"

namespace parley {

struct InboxCacheCounters {
  Counter from_memory, from_store;
  Gauge bytes;
};
void AddMetrics(const InboxCacheCounters& counters, MetricFamilies& out);

class InboxCache {
 public:
  static constexpr size_t kMaxBytes = 4 * 1024 * 1024;
  static constexpr size_t kMaxConversations = 2'000;

  InboxCache(Services& services, InboxCacheCounters& counters)
      : services_(services), counters_(counters), entries_(kMaxBytes, counters.bytes) {}

  struct Answer {
    SharedBytes json;
    std::string next = {};                  // the cursor of the next page; empty: the last page
    std::vector<Message> undelivered = {};  // conversation, seq and sender only
  };
  // The versions before an answer is read.
  struct Stamp {
    using Places = std::vector<ConversationVersions::Place>;
    ConversationVersions::Version user = {};
    std::shared_ptr<const Places> conversations = {};
    std::vector<uint64_t> versions = {};
  };

  // `key` distinguishes the forms of the answer. Returns null if there is none that is current.
  const Answer* Find(const UserId& user, int64_t key);
  // Returns the versions now; nullopt if the next answer cannot be kept. The cache must exist until the end.
  Task<std::optional<Stamp>> Take(UserId user);
  void Add(const UserId& user, int64_t key, Stamp stamp, Answer answer);

 private:
  struct Entry {
    int64_t key = 0;
    Stamp stamp = {};
    Answer answer = {};
  };

  Services& services_;
  InboxCacheCounters& counters_;
  LruByBytes<UserId, Entry, KeyedHash> entries_;
};

}  // namespace parley
