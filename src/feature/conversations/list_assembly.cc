#include "feature/conversations/list_assembly.h"

namespace parley {
namespace {

constexpr size_t kMostSummary = 128 * 1024;       // bytes of an entry
constexpr size_t kMostSummaryJson = 1024 * 1024;  // when decompressed
constexpr size_t kMostNumber = 20;
constexpr int64_t kMostUnread = 1000;

bool NeedsStamps(const std::optional<Message>& message) {
  return message && (!message->delivered_at || !message->read_at);
}

}  // namespace

ListAssembly::ListAssembly(const CacheFormat& format, CacheCounters& counters, UserId reader,
                           PageOfListed page)
    : format_(format), counters_(counters), reader_(std::move(reader)), page_(std::move(page)) {
  for (ListedConversation& row : page_.conversations) {
    const Conversation& conversation = row.conversation;
    places_.emplace(conversation.id, items_.size());
    Item item{.summary_key = format_.SummaryKey(conversation.id),
              .unread_key = UnreadKey(conversation, row.changed, row.read_mark, page_.epoch),
              .has_unread = row.read_mark >= conversation.seq};
    if (item.has_unread) item.unread_key.clear();
    item.row = std::move(row);
    items_.push_back(std::move(item));
  }
}

// A number cannot contain what it is valid for, so its key does.
std::string ListAssembly::UnreadKey(const Conversation& conversation, int64_t changed,
                                    int64_t read_mark, uint64_t epoch) const {
  std::string key = "unread:" + conversation.id.ToString();
  for (const std::string& part :
       {std::to_string(epoch), std::to_string(changed), std::to_string(conversation.seq),
        std::to_string(read_mark), reader_}) {
    key.append(":").append(part);
  }
  return format_.KeyOf(key);
}

std::vector<RedisCache::Wanted> ListAssembly::Wanted() const {
  std::vector<RedisCache::Wanted> wanted;
  for (const Item& item : items_) {
    wanted.push_back({item.summary_key, kMostSummary});
    if (!item.unread_key.empty()) wanted.push_back({item.unread_key, kMostNumber});
  }
  return wanted;
}

void ListAssembly::TakeValues(JsonReader& json, const std::optional<RedisCache::Values>& values) {
  size_t at = 0;
  for (Item& item : items_) {
    if (!values) {
      counters_.Lookups(CachedKind::kSummary, CacheResult::kUnanswered).Add();
      if (!item.unread_key.empty()) {
        counters_.Lookups(CachedKind::kUnread, CacheResult::kUnanswered).Add();
      }
      continue;
    }
    TakeSummary(json, item, values->at(at++));
    if (!item.unread_key.empty()) TakeUnread(item, values->at(at++));
  }
}

void ListAssembly::TakeSummary(JsonReader& json, Item& item,
                               const std::optional<std::string>& value) {
  const auto count = [&](CacheResult result) {
    counters_.Lookups(CachedKind::kSummary, result).Add();
  };
  if (!value || value->empty()) return count(CacheResult::kMiss);  // empty: ListCache::Evict
  const auto decoded = DecodeCacheValue(*value, kMostSummaryJson);
  const auto* const text = decoded ? std::get_if<CacheJson>(&*decoded) : nullptr;
  const auto data =
      text != nullptr ? format_.seal.Open(item.summary_key, text->text) : std::nullopt;
  const Conversation& conversation = item.row.conversation;
  auto summary = data ? ParseSummary(json, *data, conversation.id) : std::nullopt;
  if (!summary) return count(CacheResult::kInvalid);
  if (summary->seq != conversation.seq || summary->changed != item.row.changed ||
      summary->epoch != page_.epoch) {
    return count(CacheResult::kStale);
  }
  count(CacheResult::kHit);
  item.has_summary = true;
  for (UserId& user : summary->participants) {
    item.row.conversation.members.push_back({.user = std::move(user)});
  }
  item.view.last_message = std::move(summary->last_message);
}

void ListAssembly::TakeUnread(Item& item, const std::optional<std::string>& value) {
  const auto count = [&](CacheResult result) {
    counters_.Lookups(CachedKind::kUnread, result).Add();
  };
  if (!value) return count(CacheResult::kMiss);
  const auto decoded = DecodeCacheValue(*value, kMostNumber);
  const auto* const number = decoded ? std::get_if<int64_t>(&*decoded) : nullptr;
  if (number == nullptr || *number < 0 || *number > kMostUnread) {
    return count(CacheResult::kInvalid);
  }
  count(CacheResult::kHit);
  item.has_unread = true;
  item.view.unread_count = *number;
}

ListParts ListAssembly::Missing() const {
  ListParts missing;
  for (const Item& item : items_) {
    const Uuid& id = item.row.conversation.id;
    if (!item.has_summary) {
      missing.whole.push_back(id);
      continue;
    }
    if (!item.has_unread) missing.unread.emplace_back(id, item.row.changed);
    // These are set without a change of the conversation, once each.
    if (NeedsStamps(item.view.last_message)) missing.stamps.push_back(item.view.last_message->id);
  }
  return missing;
}

void ListAssembly::TakeParts(FoundParts found) {
  std::unordered_map<Uuid, const FoundParts::Stamps*> stamps;
  for (const FoundParts::Stamps& one : found.stamps) stamps.emplace(one.message, &one);
  for (Item& item : items_) {
    item.gone = !item.has_summary || !item.has_unread;  // unless it is found
    std::optional<Message>& last = item.view.last_message;
    const auto stamp = last ? stamps.find(last->id) : stamps.end();
    if (stamp == stamps.end()) continue;
    last->delivered_at = stamp->second->delivered_at;
    last->read_at = stamp->second->read_at;
    if (NeedsStamps(last)) continue;
    // Now that both are set, they do not have to be read again.
    ConversationView view{.conversation = item.row.conversation, .last_message = last};
    AddSummary(view, item.row.changed, page_.epoch);
  }
  for (FoundParts::Part& part : found.parts) {
    const auto place = places_.find(part.view.conversation.id);
    if (place != places_.end()) TakePart(items_[place->second], std::move(part), found.epoch);
  }
}

void ListAssembly::TakePart(Item& item, FoundParts::Part part, uint64_t epoch) {
  item.gone = false;
  const Conversation& conversation = part.view.conversation;
  if (part.read_mark < conversation.seq) {
    entries_.push_back({UnreadKey(conversation, part.changed, part.read_mark, epoch),
                        std::to_string(part.view.unread_count), format_.lifetime});
  }
  if (!part.whole) {
    item.view.unread_count = part.view.unread_count;
    return;
  }
  AddSummary(part.view, part.changed, epoch);
  item.row.conversation = std::move(part.view.conversation);
  item.view = std::move(part.view);
}

void ListAssembly::AddSummary(const ConversationView& view, int64_t changed, uint64_t epoch) {
  Summary summary{.seq = view.conversation.seq,
                  .changed = changed,
                  .epoch = epoch,
                  .last_message = view.last_message};
  for (const Member& member : view.conversation.members) {
    summary.participants.push_back(member.user);
  }
  const Uuid& id = view.conversation.id;
  std::string key = format_.SummaryKey(id);
  std::string value =
      EncodeCacheJson(format_.seal.Seal(key, SummaryJson(id, summary)), format_.compressor);
  if (value.size() > kMostSummary) return counters_.unwritten.Add();
  entries_.push_back({std::move(key), std::move(value), format_.lifetime});
}

std::vector<RedisCache::Entry> ListAssembly::Entries() const { return entries_; }

PageOfConversations ListAssembly::Take() && {
  PageOfConversations page{.has_more = page_.has_more, .last = page_.last};
  for (Item& item : items_) {
    if (item.gone) continue;  // the reader was removed meanwhile
    item.view.conversation = std::move(item.row.conversation);
    page.conversations.push_back(std::move(item.view));
  }
  return page;
}

}  // namespace parley
