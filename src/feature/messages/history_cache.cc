#include "feature/messages/history_cache.h"

namespace parley {

// The ids have one length, so different pages have different keys.
std::string HistoryCache::KeyOf(const HistoryQuery& query) {
  std::string key;
  key.reserve(2 * sizeof(Uuid) + 8);
  const auto add = [&](const Uuid& id) {
    key.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  };
  add(query.conversation_id);
  if (query.before_id) add(*query.before_id);
  return key.append(std::to_string(query.limit));
}

const HistoryCache::Page* HistoryCache::Find(const HistoryQuery& query, const Version& now) {
  if (now.busy() || !IsReader(query, now)) return nullptr;
  const Entry* const entry =
      PagesOf(query).FindIf(KeyOf(query), [&](const Entry& found) { return found.version == now; });
  return entry == nullptr ? nullptr : &entry->page;
}

void HistoryCache::Add(const HistoryQuery& query, const PageOfMessages& read) {
  if (!read.version || read.version->busy() || read.formatted.empty()) return;
  AddReader(query, *read.version);
  Page page{.json = read.formatted, .undelivered = read.undelivered};
  const size_t bytes = BytesOf(page);
  if (bytes > kNewestBytes / 8) return;
  Pages& pages = PagesOf(query);
  pages.Use(KeyOf(query)) = {.version = *read.version, .page = std::move(page)};
  pages.CountLastUsed(bytes);
}

bool HistoryCache::IsReader(const HistoryQuery& query, const Version& now) {
  return query.as_service || readers_.FindIf(query.conversation_id, [&](const Readers& found) {
    return found.version == now.members && found.users.contains(query.reader);
  }) != nullptr;
}

void HistoryCache::AddReader(const HistoryQuery& query, const Version& version) {
  if (query.as_service) return;
  Readers& readers = readers_.Use(query.conversation_id);
  if (readers.version != version.members || readers.users.size() >= kMaxReaders ||
      readers.bytes == 0) {
    readers = {.version = version.members, .bytes = sizeof(Readers) + 128};
  }
  // The most that the allocations of a reader use.
  if (readers.users.insert(query.reader).second) readers.bytes += 96 + query.reader.size();
  readers_.CountLastUsed(readers.bytes);
}

size_t HistoryCache::BytesOf(const Page& page) {
  // The most that the allocations of an entry and a run use. The key is there twice.
  return sizeof(Entry) + 384 + page.json.size() +
         page.undelivered.size() * (sizeof(UndeliveredRun) + kUserIdBytes);
}

}  // namespace parley
