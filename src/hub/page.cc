#include "hub/page.h"

#include <algorithm>

#include "protocol/events.h"

namespace parley {

PageRef PageFrom(const Uuid& conversation, int64_t since, int64_t head, const ChangesSince& changes,
                 size_t max_bytes) {
  auto page = std::make_shared<Page>();
  page->conversation = conversation;
  page->since = since;
  page->head = head;
  page->newest = std::max(head, changes.head);
  size_t bytes = 0;
  for (const Change& change : changes.changes) {
    if (bytes > max_bytes) break;
    page->events.push_back(ChangeEvent(change));
    bytes += page->events.back()->json.size();
  }
  // Only the store can prove that a client is beyond the head: the cached head may be outdated.
  if (since > page->newest) {
    page->reset = true;
    page->head = page->newest;
  }
  const bool all = page->events.size() == changes.changes.size();
  page->through = page->reset ? page->head
                  : all       ? std::max(since, changes.through)
                              : page->events.back()->seq;
  return page;
}

}  // namespace parley
