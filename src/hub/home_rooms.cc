// Home: the rooms in memory, and their limits.
#include "hub/home_room.h"

namespace parley {
namespace {

constexpr size_t kEarlyEvents = 1024;             // per conversation
constexpr size_t kEarlyBytes = 16 * 1024 * 1024;  // per shard

}  // namespace

Home::Rooms::~Rooms() {
  for (auto& [id, room] : by_id_) {
    ClearTail(*room);
    ClearEarly(*room);
  }
  counters_.rooms.Add(-static_cast<int64_t>(by_id_.size()));
  counters_.rooms_idle.Add(-static_cast<int64_t>(idle_.size()));
}

Home::Room& Home::Rooms::Touch(const Uuid& conversation) {
  std::unique_ptr<Room>& room = by_id_[conversation];
  if (room == nullptr) {
    room = std::make_unique<Room>(conversation, index_);
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
    ClearTail(room);
    ClearEarly(room);
    counters_.rooms.Add(-1);
    counters_.rooms_idle.Add(-1);
    by_id_.erase(Uuid(room.id));
  }
}

// --- tails

void Home::Rooms::CountTail(Room& room, size_t before) {
  const size_t after = room.tail.bytes();
  tail_bytes_ += after - before;
  counters_.tail_bytes.Add(static_cast<int64_t>(after) - static_cast<int64_t>(before));
}

void Home::Rooms::PushToTail(Room& room, EventRef event) {
  const size_t before = room.tail.bytes();
  room.tail.Push(std::move(event));
  CountTail(room, before);
  tailed_.MoveToBack(room);
  while (tail_bytes_ > tail_limit_ && !tailed_.empty()) ClearTail(tailed_.front());
}

void Home::Rooms::ClearTail(Room& room) {
  const size_t before = room.tail.bytes();
  room.tail.Clear();
  CountTail(room, before);
  tailed_.Remove(room);
}

void Home::Rooms::ForgetInTail(Room& room, int64_t about_seq) {
  const size_t before = room.tail.bytes();
  room.tail.Forget(about_seq);
  CountTail(room, before);
  if (room.tail.bytes() == 0) tailed_.Remove(room);
}

void Home::Rooms::TailUsed(Room& room) { tailed_.MoveToBack(room); }

// --- early events

void Home::Rooms::CountEarly(int64_t bytes) {
  early_bytes_ += static_cast<size_t>(bytes);
  counters_.tail_bytes.Add(bytes);
}

void Home::Rooms::EraseEarly(Room& room, std::map<int64_t, EventRef>::iterator at) {
  CountEarly(-static_cast<int64_t>(CostOf(*at->second)));
  room.early.erase(at);
}

void Home::Rooms::DropEarly(Room& room, std::map<int64_t, EventRef>::iterator at) {
  if (at->second->removal == Removal::kOneUser && room.subscribers != 0) {
    dropped_removals_.emplace_back(room.id, RemovedUser(*at->second));
  }
  EraseEarly(room, at);
}

void Home::Rooms::AddEarly(Room& room, EventRef event) {
  const auto cost = static_cast<int64_t>(CostOf(*event));
  if (!room.early.emplace(event->seq, std::move(event)).second) return;
  CountEarly(cost);
  while (room.early.size() > kEarlyEvents || (early_bytes_ > kEarlyBytes && !room.early.empty())) {
    room.store_head = std::max(room.store_head, room.early.rbegin()->first);
    DropEarly(room, std::prev(room.early.end()));
  }
}

EventRef Home::Rooms::TakeEarly(Room& room) {
  EventRef event = room.early.begin()->second;
  EraseEarly(room, room.early.begin());
  return event;
}

void Home::Rooms::ClearEarly(Room& room) {
  while (!room.early.empty()) DropEarly(room, room.early.begin());
}

void Home::Rooms::DropEarlyUnlikeStored(Room& room, const Event& stored) {
  const auto found = room.early.find(stored.seq);
  if (found == room.early.end() || SameChange(*found->second, stored)) return;
  // Keeps the live event if it names a removed user: the stored event does not.
  if (found->second->removal == Removal::kNone) EraseEarly(room, found);
}

void Home::Rooms::DropEarlyUpTo(Room& room, int64_t seq) {
  while (!room.early.empty() && room.early.begin()->first <= seq) {
    DropEarly(room, room.early.begin());
  }
}

}  // namespace parley
