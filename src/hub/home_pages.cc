// Home: pages of catch-up, from the tail or the store.
#include <algorithm>
#include <utility>

#include "hub/home_room.h"
#include "protocol/events.h"

namespace parley {

void Home::Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done) {
  WithHead(conversation, [this, since, done = std::move(done)](Result<Room*> found) mutable {
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    const bool at_head = since == room.head, covered = room.tail.Covers(since);
    if (room.verifying_head || (!at_head && !covered)) {
      return ReadFromStore(room, since, std::move(done));
    }
    auto page = std::make_shared<Page>();
    page->conversation = room.id;
    page->since = since;
    page->head = page->newest = room.head;
    if (covered) {
      rooms_->TailUsed(room);
      page->events = room.tail.After(since, kPageEvents, kPageBytes);
    }
    page->through = page->events.empty() ? room.head : page->events.back()->seq;
    done(PageRef(std::move(page)));
  });
}

void Home::ReadFromStore(Room& room, int64_t since, Resolve<Result<PageRef>> done) {
  for (Room::PendingRead& read : room.reads) {
    if (read.since == since) return read.waiting.push_back(std::move(done));
  }
  room.reads.push_back({since, {}});
  room.reads.back().waiting.push_back(std::move(done));
  rooms_->Use(room);
  RequestChanges(room, since);
}

void Home::RequestChanges(Room& room, int64_t since) {
  counters_.store_reads.Add();
  store_.ReadChanges(
      room.id, since, static_cast<int>(kPageEvents), kPageBytes, self_,
      [this, id = room.id, since, context = CurrentContext(room)](Result<ChangesSince> changes) {
        OnChanges(id, since, context, std::move(changes));
      });
}

void Home::OnChanges(const Uuid& conversation, int64_t since, const ReadContext& context,
                     Result<ChangesSince> changes) {
  Room& room = rooms_->Touch(conversation);
  // The page was read before a rewind: read it again.
  if (changes && context.rewinds != room.rewinds) return RequestChanges(room, since);
  const auto read = std::ranges::find(room.reads, since, &Room::PendingRead::since);
  auto waiting = std::move(read->waiting);
  room.reads.erase(read);
  const auto answer = [&](const Result<PageRef>& page) {
    for (auto& done : waiting) done(page);
  };
  const bool contradicts = changes && Contradicts(room, context, changes->epoch, changes->head);
  const int64_t reached = changes ? std::max(since, changes->through) : since;
  if (contradicts) {
    // The head is being verified: readers retry later.
    VerifyHead(room, changes->head, changes->epoch);
    answer(Fail(Error::StoreUnavailable()));
  } else if (!changes) {
    answer(Fail(changes.error()));
  } else if (reached == since && since < room.head && context.head < room.head) {
    // The snapshot has no new event, but events have been committed since.
    for (auto& done : waiting) Read(conversation, since, std::move(done));
  } else {
    answer(PageFrom(room, since, *changes));
  }
  rooms_->Release(room);
}

PageRef Home::PageFrom(const Room& room, int64_t since, const ChangesSince& changes) {
  auto page = std::make_shared<Page>();
  page->conversation = room.id;
  page->since = since;
  page->head = room.head;
  page->newest = std::max(room.head, changes.head);
  size_t bytes = 0;
  for (const Change& change : changes.changes) {
    if (bytes > kPageBytes) break;
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
