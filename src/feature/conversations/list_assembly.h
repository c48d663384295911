// Puts together a page of a user's conversations from rows of the store, entries of the cache, and what the
// store has to add. Without I/O.
//
// An entry is used only for the state of the conversation that the rows show, so a list through the cache
// is as recent as one without it. The rows come first: the cache adds no conversation to a list.
// Threads: one.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/cache_seal.h"
#include "cache/django_codec.h"
#include "cache/redis_cache.h"
#include "feature/conversations/summary.h"
#include "store/conversation_store.h"

namespace parley {

class JsonReader;

// How entries are named and encoded.
struct CacheFormat {
  std::string prefix;
  CacheCompressor compressor = CacheCompressor::kZlib;
  std::chrono::milliseconds lifetime{300'000};
  CacheSeal seal;

  std::string KeyOf(std::string_view key) const { return CacheKey(prefix, key); }
  std::string SummaryKey(const Uuid& conversation) const {
    return KeyOf("summary:" + conversation.ToString());
  }
};

class ListAssembly {
 public:
  ListAssembly(const CacheFormat& format, CacheCounters& counters, UserId reader,
               PageOfListed page);

  // The entries to look up.
  std::vector<RedisCache::Wanted> Wanted() const;
  // Takes their values, or nullopt if the cache did not answer.
  void TakeValues(JsonReader& json, const std::optional<RedisCache::Values>& values);
  // What the store has to add; `whole`, `unread` and `stamps` can all be empty.
  ListParts Missing() const;
  void TakeParts(FoundParts found);
  // The entries to write after TakeParts.
  std::vector<RedisCache::Entry> Entries() const;
  PageOfConversations Take() &&;

 private:
  struct Item {
    ListedConversation row;
    std::string summary_key, unread_key;  // no unread_key: nothing is unread
    bool has_summary = false, has_unread = false, gone = false;
    ConversationView view = {};
  };

  std::string UnreadKey(const Conversation& conversation, int64_t changed, int64_t read_mark,
                        uint64_t epoch) const;
  void TakeSummary(JsonReader& json, Item& item, const std::optional<std::string>& value);
  void TakeUnread(Item& item, const std::optional<std::string>& value);
  void TakePart(Item& item, FoundParts::Part part, uint64_t epoch);
  void AddSummary(const ConversationView& view, int64_t changed, uint64_t epoch);

  const CacheFormat& format_;
  CacheCounters& counters_;
  const UserId reader_;
  PageOfListed page_;
  std::vector<Item> items_;
  std::unordered_map<Uuid, size_t> places_;  // in items_
  std::vector<RedisCache::Entry> entries_;
};

}  // namespace parley
