// Home: the rooms in memory, and their limits.
#include "hub/home_room.h"

namespace parley {
Home::Rooms::~Rooms() {
  counters_.rooms.Add(-static_cast<int64_t>(by_id_.size()));
  counters_.rooms_idle.Add(-static_cast<int64_t>(idle_.size()));
  counters_.tail_bytes.Add(-static_cast<int64_t>(counted_));
}

Home::Room& Home::Rooms::Touch(const Uuid& conversation) {
  std::unique_ptr<Room>& room = by_id_[conversation];
  if (room == nullptr) {
    room = std::make_unique<Room>(conversation, index_, memory_);
    counters_.rooms.Add(1);
    counters_.rooms_idle.Add(1);
    idle_.MoveToBack(*room);
    Room& made = *room;
    EvictIdle();
    return made;
  }
  if (room->uses == 0) idle_.MoveToBack(*room);
  return *room;
}

Home::Room* Home::Rooms::Find(const Uuid& conversation) {
  const auto found = by_id_.find(conversation);
  return found == by_id_.end() ? nullptr : found->second.get();
}

void Home::Rooms::Use(Room& room) {
  if (room.uses++ != 0) return;
  idle_.Remove(room);
  counters_.rooms_idle.Add(-1);
}

void Home::Rooms::Release(Room& room) {
  if (--room.uses != 0) return;
  idle_.MoveToBack(room);
  counters_.rooms_idle.Add(1);
  EvictIdle();
}

void Home::Rooms::EvictIdle() {
  // The last room is in use by the caller.
  while (idle_.size() > std::max<size_t>(1, idle_limit_)) {
    Room& room = idle_.front();
    idle_.Remove(room);
    tailed_.Remove(room);
    counters_.rooms.Add(-1);
    counters_.rooms_idle.Add(-1);
    by_id_.erase(Uuid(room.id));
  }
  CountMemory();
}

// --- memory

void Home::Rooms::LogUsed(Room& room) {
  if (room.log.tail().bytes() == 0) {
    tailed_.Remove(room);
  } else {
    tailed_.MoveToBack(room);
  }
  while (memory_.tails > tail_limit_ && !tailed_.empty()) {
    Room& oldest = tailed_.front();
    oldest.log.ClearTail();
    tailed_.Remove(oldest);
  }
  CountMemory();
}

void Home::Rooms::CountMemory() {
  const size_t now = memory_.tails + memory_.early;
  if (now == counted_) return;
  counters_.tail_bytes.Add(static_cast<int64_t>(now) - static_cast<int64_t>(counted_));
  counted_ = now;
}

}  // namespace parley
