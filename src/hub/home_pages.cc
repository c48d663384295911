// Home: pages of catch-up, from the tail or the store.
#include <algorithm>
#include <utility>

#include "hub/home_room.h"

namespace parley {

void Home::Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done) {
  WithHead(conversation, [this, since, done = std::move(done)](Result<Room*> found) mutable {
    if (!found) return done(Fail(found.error()));
    Room& room = **found;
    const ConversationLog& log = room.log;
    const bool at_head = since == log.head(), covered = log.tail().Covers(since);
    if (log.verifying() || (!at_head && !covered)) {
      return ReadFromStore(room, since, std::move(done));
    }
    auto page = std::make_shared<Page>();
    page->conversation = room.id;
    page->since = since;
    page->head = page->newest = log.head();
    if (covered) {
      rooms_->LogUsed(room);
      page->events = log.tail().After(since, kPageEvents, kPageBytes);
    }
    page->through = page->events.empty() ? log.head() : page->events.back()->seq;
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
      [this, id = room.id, since, context = room.log.context()](Result<ChangesSince> changes) {
        OnChanges(id, since, context, std::move(changes));
      });
}

void Home::OnChanges(const Uuid& conversation, int64_t since, const ReadContext& context,
                     Result<ChangesSince> changes) {
  Room& room = rooms_->Touch(conversation);
  // The page was read before a rewind: read it again.
  if (changes && context.rewinds != room.log.rewinds()) return RequestChanges(room, since);
  const auto read = std::ranges::find(room.reads, since, &Room::PendingRead::since);
  auto waiting = std::move(read->waiting);
  room.reads.erase(read);
  const auto answer = [&](const Result<PageRef>& page) {
    for (auto& done : waiting) done(page);
  };
  const bool contradicts = changes && room.log.Contradicts(context, changes->epoch, changes->head);
  const int64_t reached = changes ? std::max(since, changes->through) : since;
  if (contradicts) {
    // The head is being verified: readers retry later.
    LogStep step;
    room.log.Verify(changes->head, changes->epoch, step);
    Perform(room, step);
    answer(Fail(Error::StoreUnavailable()));
  } else if (!changes) {
    answer(Fail(changes.error()));
  } else if (reached == since && since < room.log.head() && context.head < room.log.head()) {
    // The snapshot has no new event, but events have been committed since.
    for (auto& done : waiting) Read(conversation, since, std::move(done));
  } else {
    answer(PageFrom(room.id, since, room.log.head(), *changes));
  }
  rooms_->Release(room);
}

}  // namespace parley
