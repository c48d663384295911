#include "feature/inbox_cache.h"

#include <utility>

#include "base/ask.h"

namespace parley {

void AddMetrics(const InboxCacheCounters& counters, MetricFamilies& out) {
  out.AddCounters("inbox_answers_total",
                  "Conversation lists and unread counts served over REST, by source.",
                  {{{{"source", "memory"}}, static_cast<double>(counters.from_memory.value())},
                   {{{"source", "store"}}, static_cast<double>(counters.from_store.value())}});
  out.AddGauge("inbox_cache_bytes", "Bytes of conversation lists and unread counts held in memory.",
               static_cast<double>(counters.bytes.value()));
}

const InboxCache::Answer* InboxCache::Find(const UserId& user, int64_t key) {
  const ConversationVersions* const versions = services_.store.Versions();
  if (versions == nullptr) return nullptr;
  const Entry* const entry = entries_.FindIf(user, [&](const Entry& found) {
    const Stamp& stamp = found.stamp;
    if (found.key != key || versions->OfUser(user) != stamp.user) return false;
    const Stamp::Places& places = *stamp.conversations;
    for (size_t i = 0; i < places.size(); ++i) {
      if (versions->At(places[i]) != stamp.versions[i]) return false;
    }
    return true;
  });
  (entry == nullptr ? counters_.from_store : counters_.from_memory).Add();
  return entry == nullptr ? nullptr : &entry->answer;
}

Task<std::optional<InboxCache::Stamp>> InboxCache::Take(UserId user) {
  const ConversationVersions* const versions = services_.store.Versions();
  if (versions == nullptr) co_return std::nullopt;
  Stamp stamp{.user = versions->OfUser(user)};
  if (stamp.user.busy()) co_return std::nullopt;
  const Entry* const known = entries_.Peek(user);
  // A conversation that the user has left since may invalidate an answer, and harms nothing else.
  if (known != nullptr && known->stamp.user.members == stamp.user.members) {
    stamp.conversations = known->stamp.conversations;
  } else {
    auto listing = Ask(services_.executor, services_.store, &HeadStore::ListUserHeads, user,
                       std::optional<int64_t>());
    const Result<UserConversations> listed = co_await listing;
    if (!listed || listed->heads.size() > kMaxConversations) co_return std::nullopt;
    auto places = std::make_shared<Stamp::Places>();
    for (const UserConversationHead& head : listed->heads) {
      places->push_back(ConversationVersions::PlaceOf(head.conversation_id));
    }
    stamp.conversations = std::move(places);
  }
  for (const ConversationVersions::Place place : *stamp.conversations) {
    stamp.versions.push_back(versions->At(place));
    if (ConversationVersions::IsBusy(stamp.versions.back())) co_return std::nullopt;
  }
  co_return stamp;
}

void InboxCache::Add(const UserId& user, int64_t key, Stamp stamp, Answer answer) {
  // The most that the allocations of an answer use.
  const size_t bytes = sizeof(Entry) + 256 + 2 * kUserIdBytes + answer.json.size() +
                       stamp.conversations->size() * 16 +
                       answer.undelivered.size() * (sizeof(Message) + kUserIdBytes);
  if (bytes > kMaxBytes / 8) return;
  Entry& entry = entries_.Use(user);
  entry = {.key = key, .stamp = std::move(stamp), .answer = std::move(answer)};
  entries_.CountLastUsed(bytes);
}

}  // namespace parley
