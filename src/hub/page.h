// Pages of catch-up: runs of a conversation's events, read from the home shard's tail or from the store.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/event.h"
#include "store/change_store.h"

namespace parley {

// Limits of one page: large enough to amortize the read, small compared with an outbox.
inline constexpr size_t kPageEvents = 128;
inline constexpr size_t kPageBytes = 64 * 1024;
// A seq that no conversation reaches. Larger seqs of clients are treated as this value.
inline constexpr int64_t kBeyondEveryHead = int64_t{1} << 62;

// A run of a conversation's events after `since`.
struct Page {
  Uuid conversation;
  int64_t since = 0;
  std::vector<EventRef> events;  // ascending; missing seqs were deleted permanently
  int64_t through = 0;           // every seq in (since, through] is in `events` or was deleted
  // the conversation's head when the page was sent; later events are delivered live
  int64_t head = 0;
  int64_t newest = 0;  // the newest known head, from this read or the cache; >= head
  bool reset = false;  // `since` is beyond the head: the store has lost events that the client has
};
using PageRef = std::shared_ptr<const Page>;

// Makes a page from a read of the store. `head`: the cached head. The page ends after `max_bytes` of
// JSON, but has at least one event if the read has one.
PageRef PageFrom(const Uuid& conversation, int64_t since, int64_t head, const ChangesSince& changes,
                 size_t max_bytes = kPageBytes);

// Walks through a page in the order of delivery. Calls `gap(from, to, reset)` for seqs that have no
// event, and `deliver(event)` for events after `last`; sets `last` to the last seq that was delivered
// or is in a gap. An EventKind::kRestored becomes a gap with a reset, which starts before `last` if the
// client has seen events that the restored store has lost. Stops if a call returns false. Returns true if it reached the end.
template <class Gap, class Deliver>
bool Walk(const Page& page, int64_t& last, Gap gap, Deliver deliver) {
  if (page.reset) {
    if (!gap(page.head + 1, page.since, true)) return false;
    last = page.head;
  }
  for (const EventRef& event : page.events) {
    if (event->seq <= last) continue;
    if (event->kind == EventKind::kRestored) {
      if (last < event->about_seq && !gap(last + 1, event->about_seq, false)) return false;
      last = std::max(last, event->about_seq);
      if (!gap(event->about_seq + 1, event->seq, true)) return false;
      last = event->seq;
      continue;
    }
    if (event->seq > last + 1) {
      if (!gap(last + 1, event->seq - 1, false)) return false;
      last = event->seq - 1;
    }
    if (!deliver(event)) return false;
    last = event->seq;
  }
  if (page.through > last) {
    if (!gap(last + 1, page.through, false)) return false;
    last = page.through;
  }
  return true;
}

}  // namespace parley
