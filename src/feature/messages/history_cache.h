// Pages of history as encoded JSON, on a store that this process alone writes to. A page is served
// while the conversation's version is the same as when it was read, and to readers that the store found to be members
// at the same version of the members. So a page is never older than an acknowledged change, and a removed
// member gets 404: no change of members has begun since the store's check, so a check now would have the same
// result (store/conversation_versions.h).
//
// Only pages that are the same for every reader are kept: pages with attachments, whose links are signed for
// their reader, are not. Bounds: kNewestBytes of newest pages, kOlderBytes of older ones, kReaderBytes of readers, and
// kMaxReaders of a conversation; what was used least recently is evicted. A client that reads a whole conversation
// does not evict newest pages. Threads: one shard.
#pragma once
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/keyed_hash.h"
#include "base/lru_by_bytes.h"
#include "base/metrics.h"
#include "domain/caller.h"
#include "domain/message.h"
#include "store/message_store.h"

namespace parley {

struct HistoryCacheCounters {
  Counter from_memory, from_store;
  Gauge bytes;
};

class HistoryCache {
 public:
  static constexpr size_t kNewestBytes = 8 * 1024 * 1024;
  static constexpr size_t kOlderBytes = 8 * 1024 * 1024;
  static constexpr size_t kReaderBytes = 2 * 1024 * 1024;
  static constexpr size_t kMaxReaders = 1'000;
  using Version = ConversationVersions::Version;

  explicit HistoryCache(HistoryCacheCounters& counters)
      : newest_(kNewestBytes, counters.bytes),
        older_(kOlderBytes, counters.bytes),
        readers_(kReaderBytes, counters.bytes) {}

  struct Page {
    SharedBytes json;
    std::vector<UndeliveredRun> undelivered;
  };

  // Returns true if pages of this kind are kept: from the newest message or from a message back, without deleted ones.
  static bool Keeps(const HistoryQuery& query) {
    return !query.after_seq && !query.include_deleted;
  }
  // Returns the page if it is current and the caller may read it, or null.
  const Page* Find(const HistoryQuery& query, const Version& now);
  // Adds a page that was read for this query, if it can be kept.
  void Add(const HistoryQuery& query, const PageOfMessages& read);

 private:
  struct Entry {
    Version version = {};
    Page page = {};
  };
  struct Readers {
    uint64_t version = 0;  // Version::members
    KeyedSet users = {};   // members at this version
    size_t bytes = 0;
  };
  using Pages = LruByBytes<std::string, Entry, KeyedHash>;

  Pages& PagesOf(const HistoryQuery& query) { return query.before_id ? older_ : newest_; }
  static std::string KeyOf(const HistoryQuery& query);
  bool IsReader(const HistoryQuery& query, const Version& now);
  void AddReader(const HistoryQuery& query, const Version& version);
  static size_t BytesOf(const Page& page);

  Pages newest_, older_;
  LruByBytes<Uuid, Readers> readers_;  // by conversation
};

}  // namespace parley
