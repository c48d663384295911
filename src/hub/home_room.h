// The state that Home keeps for a conversation. Included by home*.cc only.
#pragma once
#include "hub/conversation_log.h"
#include "hub/home.h"
#include "hub/members.h"

namespace parley {

// After this many reloads, a read that is older than a received change of members is used.
inline constexpr int kMaxReloads = 3;
// Maximum concurrent loads, and rooms per load. With 200 members per room, a load is about a
// megabyte.
inline constexpr size_t kLoadsAtOnce = 2;
inline constexpr size_t kRoomsInALoad = 128;

// Ordering and delivery need the head; subscriptions and typing need the members. Neither waits for
// the other: if a read of the members fails, the previous members are kept, and subscribers
// continue to receive events.
struct Home::Room {
  Room(const Uuid& conversation, MemberIndex& index, LogMemory& memory)
      : id(conversation), log(conversation, memory), members(index, conversation) {}

  struct PendingRead {
    int64_t since;
    std::vector<Resolve<Result<PageRef>>> waiting;
  };

  const Uuid id;
  ConversationLog log;
  Members members;
  uint64_t subscribers = 0;  // bit i: shard i is subscribed

  // Reads of the store.
  bool loading = false;                    // a read of head and members is in flight
  bool followed_since_load_began = false;  // if false, changes may have been missed
  int reload_attempts = 0;                 // loads in a row that were older than a received change
  std::vector<Load> waiting;               // for the load in flight
  bool filling_gap = false;
  std::vector<PendingRead> reads;
  bool retry_planned = false;
  std::chrono::milliseconds backoff{0};

  // Observed by follow sinks: with other nodes, their events are received.
  bool followed = false;
  Monotonic idle_since = {};                 // followed without subscribers since this time
  std::optional<Monotonic> next_check = {};  // next scheduled read of the head

  bool MembersFresh() const { return members.known() && !members.stale() && !loading; }

  // Maintained by Rooms.
  size_t uses = 0;  // subscribers (counted once), being followed (once), and store calls in flight
  ListLink<Room> idle_link, tail_link;
};

// The rooms of one shard. Bounds: the number of unused rooms, and the total size of tails. The least
// recently used room is evicted first.
class Home::Rooms {
 public:
  Rooms(size_t idle_conversations, size_t tail_bytes, HubCounters& counters)
      : idle_limit_(idle_conversations), tail_limit_(tail_bytes), counters_(counters) {}
  ~Rooms();

  // Creates the room if it does not exist. May evict other rooms.
  Room& Touch(const Uuid& conversation);
  Room* Find(const Uuid& conversation);
  // The conversations in memory of which the user is a known member.
  std::span<const Uuid> OfMember(const UserId& user) const { return index_.ConversationsOf(user); }
  // Pins and unpins a room. A pinned room is never evicted; Release may evict other rooms.
  void Use(Room& room);
  void Release(Room& room);
  // The room's log was read or has changed: trims the tails that were used least recently.
  void LogUsed(Room& room);

  template <class Work>
  void ForEach(Work work) {
    for (auto& [id, room] : by_id_) work(*room);
  }

 private:
  void EvictIdle();
  void CountMemory();

  const size_t idle_limit_, tail_limit_;
  HubCounters& counters_;
  MemberIndex index_;  // must outlive the rooms, like memory_
  LogMemory memory_;
  size_t counted_ = 0;  // of memory_, in HubCounters::tail_bytes
  std::unordered_map<Uuid, std::unique_ptr<Room>> by_id_;
  IntrusiveList<Room, &Room::idle_link> idle_;    // unused rooms
  IntrusiveList<Room, &Room::tail_link> tailed_;  // rooms whose tails are not empty
};

}  // namespace parley
