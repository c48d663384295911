// The state that Home keeps for a conversation. Included by home*.cc only.
#pragma once
#include <map>

#include "hub/home.h"

namespace parley {

// Limits of one page of catch-up: large enough to amortize the read, small compared with an outbox.
inline constexpr size_t kPageEvents = 128;
inline constexpr size_t kPageBytes = 64 * 1024;
// After this many reloads, received events that the store does not have are discarded: other nodes
// can publish events that are not in the store.
inline constexpr int kMaxReloads = 3;
// Maximum concurrent loads, and rooms per load. With 200 members per room, a load is about a
// megabyte.
inline constexpr size_t kLoadsAtOnce = 2;
inline constexpr size_t kRoomsInALoad = 128;
// How far below the head a verification begins to read, and the maximum size of that read.
inline constexpr int64_t kRewindReach = static_cast<int64_t>(kPageEvents);
inline constexpr size_t kRewindBytes = 1024 * 1024;
// Maximum cached member ids of a large conversation.
inline constexpr size_t kKnownMembers = 10'000;

// The cached state when a read began; the result is compared with it.
struct Home::ReadContext {
  int64_t head = 0;      // 0: unknown
  uint32_t rewinds = 0;  // results of reads that began before a rewind are discarded
};

// Ordering and delivery need the head; subscriptions and typing need the members. Neither waits for
// the other: if a read of the members fails, the previous members are kept, and subscribers
// continue to receive events.
struct Home::Room {
  Room(const Uuid& conversation, MemberIndex& index) : id(conversation), participants(index, id) {}

  struct PendingRead {
    int64_t since;
    std::vector<Resolve<Result<PageRef>>> waiting;
  };

  Uuid id;
  bool loading = false;                    // a read of head and members is in flight
  bool followed_since_load_began = false;  // if false, changes may have been missed
  int reload_attempts = 0;                 // loads in a row that were older than a received change
  std::vector<Load> waiting;               // for the load in flight

  // Order.
  bool head_known = false;
  int64_t head = 0;
  int64_t store_head = 0;  // last known head of the store; may be outdated
  int64_t stored = 0;      // highest head read from the store since the last rewind
  uint64_t epoch = 0;      // epoch of the store that `head` belongs to; 0: unknown
  int64_t stamp = 0;       // position of the transaction that assigned `stamp_seq`; 0: unknown
  int64_t stamp_seq = 0;
  uint32_t rewinds = 0;  // number of times that the store moved back under this node
  // A result contradicts the head: events wait until the head is verified.
  bool verifying_head = false;
  bool rewind_certain = false;  // while verifying: the store has certainly moved back
  int64_t verify_from = 0;  // while verifying: the lowest seq of a result that contradicts the head

  // Members.
  bool members_known = false;  // the cached members may be outdated (members_stale)
  bool members_stale = false;  // a change could not be applied to the cached members: reload them
  int64_t participant_count = 0;
  KnownMembers participants;  // all members, or empty (see Subscription)
  KeyedSet known_members;     // some of the members, if `participants` is empty
  int64_t members_read = 0;   // seq of the snapshot that the members were read from
  int64_t members_seq = 0;    // seq of the last known change of members
  int64_t members_from = 0;   // every change of members after this seq is known

  uint64_t subscribers = 0;  // bit i: shard i is subscribed
  Tail tail;
  std::map<int64_t, EventRef> early;  // events that arrived before their predecessors
  bool filling_gap = false;
  int futile_fills = 0;
  std::vector<PendingRead> reads;
  bool retry_planned = false;
  std::chrono::milliseconds backoff{0};
  // With other nodes:
  bool followed = false;                     // events of other nodes are received
  Monotonic idle_since = {};                 // followed without subscribers since this time
  std::optional<Monotonic> next_check = {};  // next scheduled read of the head

  bool MembersFresh() const { return members_known && !members_stale && !loading; }

  // Maintained by Rooms.
  size_t uses = 0;  // subscribers (counted once), being followed (once), and store calls in flight
  ListLink<Room> idle_link, tail_link;
};

// The rooms of one shard. Bounds: the number of unused rooms, and the total size of tails and early
// events. The least recently used room is evicted first.
class Home::Rooms {
 public:
  // `dropped_removals`: receives removals whose events were dropped before they were broadcast.
  Rooms(size_t idle_conversations, size_t tail_bytes, HubCounters& counters,
        Removals& dropped_removals)
      : idle_limit_(idle_conversations),
        tail_limit_(tail_bytes),
        counters_(counters),
        dropped_removals_(dropped_removals) {}
  ~Rooms();

  // Creates the room if it does not exist. May evict other rooms.
  Room& Touch(const Uuid& conversation);
  Room* Find(const Uuid& conversation);
  // The conversations in memory of which the user is a known member.
  std::span<const Uuid> OfMember(const UserId& user) const { return index_.ConversationsOf(user); }
  // Pins and unpins a room. A pinned room is never evicted; Release may evict other rooms.
  void Use(Room& room);
  void Release(Room& room);

  void PushToTail(Room& room, EventRef event);
  void ClearTail(Room& room);
  void ForgetInTail(Room& room, int64_t about_seq);
  // Marks the tail as recently used.
  void TailUsed(Room& room);

  // Adds an event that waits for its predecessors. If the limits are exceeded, the events with the
  // highest seqs are dropped and read from the store later (store_head).
  void AddEarly(Room& room, EventRef event);
  EventRef TakeEarly(Room& room);  // removes the event with the lowest seq
  void ClearEarly(Room& room);
  void DropEarlyUpTo(Room& room, int64_t seq);
  // Drops the early event with the seq of `stored` if it differs from it: it belongs to a history
  // that the store has lost.
  void DropEarlyUnlikeStored(Room& room, const Event& stored);

  template <class Work>
  void ForEach(Work work) {
    for (auto& [id, room] : by_id_) work(*room);
  }

 private:
  void EvictIdle();
  void CountTail(Room& room, size_t before);
  void CountEarly(int64_t bytes);
  void EraseEarly(Room& room, std::map<int64_t, EventRef>::iterator at);
  void DropEarly(Room& room, std::map<int64_t, EventRef>::iterator at);

  const size_t idle_limit_, tail_limit_;
  HubCounters& counters_;
  Removals& dropped_removals_;
  MemberIndex index_;  // must outlive the rooms
  std::unordered_map<Uuid, std::unique_ptr<Room>> by_id_;
  IntrusiveList<Room, &Room::idle_link> idle_;    // unused rooms
  IntrusiveList<Room, &Room::tail_link> tailed_;  // rooms whose tails are not empty
  size_t tail_bytes_ = 0, early_bytes_ = 0;
};

}  // namespace parley
