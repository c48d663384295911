#include "feature/conversations/list_cache.h"

#include "base/ask.h"

namespace parley {

using Values = RedisCache::Values;

Task<Result<PageOfConversations>> ListCache::List(Services& services, UserId reader, int limit,
                                                  std::optional<ConversationCursor> after) {
  auto listing =
      Ask(services.executor, services.store, &ConversationStore::ListRows, reader, limit, after);
  Result<PageOfListed> rows = co_await listing;
  if (!rows) co_return Fail(rows.error());
  if (rows->conversations.empty()) co_return PageOfConversations{};

  ListAssembly list(format_, counters_, reader, *std::move(rows));
  const std::vector<RedisCache::Wanted> wanted = list.Wanted();
  auto looking_up = Suspend<Result<Values>>([&](Resolve<Result<Values>> done) {
    cache_.Get(wanted, services.executor, std::move(done));
  });
  Result<Values> values = co_await looking_up;
  if (!values && !ignore_failures_) co_return Fail(values.error());
  const bool answered = values.has_value();
  list.TakeValues(services.json, answered ? std::optional(*std::move(values)) : std::nullopt);

  ListParts missing = list.Missing();
  if (!missing.whole.empty() || !missing.unread.empty() || !missing.stamps.empty()) {
    auto reading = Ask(services.executor, services.store, &ConversationStore::FindParts, reader,
                       std::move(missing));
    Result<FoundParts> found = co_await reading;
    if (!found) co_return Fail(found.error());
    list.TakeParts(*std::move(found));
    if (answered) cache_.Set(list.Entries());
  }
  co_return std::move(list).Take();
}

// SET, because the cache's Redis user need not have the permission to delete keys.
void ListCache::Evict(const Uuid& conversation) {
  cache_.Set({{.key = format_.SummaryKey(conversation),
               .value = "",
               .lifetime = std::chrono::milliseconds(1)}});
}

}  // namespace parley
