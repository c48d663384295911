// What Home keeps of one conversation. Only for home*.cc.
#pragma once
#include <map>

#include "hub/home.h"

namespace parley {

// One page of catch-up: enough to make the trip worth it, small beside an outbox.
inline constexpr size_t kPageEvents = 128;
inline constexpr size_t kPageBytes = 64 * 1024;
// Then what was heard is not believed: other nodes may say what is not in the store.
inline constexpr int kMaxReloads = 3;
// Reads that load rooms, and rooms in each: of 200 members each that is some megabyte.
inline constexpr size_t kLoadsAtOnce = 2;
inline constexpr size_t kRoomsInALoad = 128;
// How far below a doubtful head the store is read again, and how much at most.
inline constexpr int64_t kRewindReach = static_cast<int64_t>(kPageEvents);
inline constexpr size_t kRewindBytes = 1024 * 1024;
// Ids of a large conversation's members that memory remembers.
inline constexpr size_t kKnownMembers = 10'000;

// What was known of a conversation when the store was asked; the answer is compared with it.
struct Home::ReadContext {
  int64_t head = 0;      // 0: not known
  uint32_t rewinds = 0;  // an answer to what was asked before a rewind means nothing
};

// Order and delivery need the head, admission and typing need the members. Neither waits for the
// other: a read of the members that fails keeps those known before, and listeners go on receiving.
struct Home::Room {
  Room(const Uuid& conversation, MemberIndex& index) : id(conversation), participants(index, id) {}

  struct PendingRead {
    int64_t since;
    std::vector<Resolve<Result<PageRef>>> waiting;
  };

  Uuid id;
  bool loading = false;                    // head and members are being read
  bool followed_since_load_began = false;  // else changes may have come that nobody told
  int reload_attempts = 0;                 // what had been read was older than what was heard
  std::vector<Load> waiting;               // for what is being read

  // Order.
  bool head_known = false;
  int64_t head = 0;
  int64_t store_head = 0;  // as the store was last heard to be; may be behind
  int64_t stored = 0;      // the highest head that the store has answered since it went back
  uint64_t epoch = 0;      // of the store that `head` is of; 0: unknown
  int64_t stamp = 0;       // position of the transaction that took `stamp_seq`; 0: unknown
  int64_t stamp_seq = 0;   //
  uint32_t rewinds = 0;    // how often the store went back under this node
  bool verifying_head =
      false;  // an answer contradicts the head: events wait until it is read again
  bool rewind_certain = false;  // while doubted: it is certain that the store went back
  int64_t verify_from = 0;      // while doubted: the lowest seq of an answer that contradicts

  // Members.
  bool members_known = false;  // perhaps as they were a while ago:
  bool members_stale = false;  // a change could not be applied to them, so they must be read again
  int64_t participant_count = 0;
  KnownMembers participants;  // all of them, or empty (see Admission)
  KeyedSet known_members;     // some of them, where `participants` is none
  int64_t members_read = 0;   // seq of the snapshot that gave them
  int64_t members_seq = 0;    // of the last change of them that was heard of
  int64_t members_from = 0;   // changes of them after this seq have been heard of

  uint64_t subscribers = 0;  // bit i: shard i
  Tail tail;
  std::map<int64_t, EventRef> early;  // came before their predecessors
  bool filling_gap = false;
  int futile_fills = 0;
  std::vector<PendingRead> reads;
  bool retry_planned = false;
  std::chrono::milliseconds backoff{0};
  // Where there are other nodes:
  bool followed = false;                     // their events are heard
  Monotonic idle_since = {};                 // followed, but nobody listens
  std::optional<Monotonic> next_check = {};  // of its head

  bool MembersFresh() const { return members_known && !members_stale && !loading; }

  // Kept by Rooms.
  size_t uses = 0;  // listeners (one), being followed (one), and store calls that will come back
  ListLink<Room> idle_link, tail_link;
};

// The conversations of one shard in memory, bounded: those that nobody uses by their number, tails
// and early events by what they cost together. The least recently used goes first.
class Home::Rooms {
 public:
  // `partings`: takes the removals whose events are dropped before they went out.
  Rooms(size_t idle_conversations, size_t tail_bytes, HubCounters& counters,
        Removals& dropped_removals)
      : idle_limit_(idle_conversations),
        tail_limit_(tail_bytes),
        counters_(counters),
        dropped_removals_(dropped_removals) {}
  ~Rooms();

  // Makes it if it is not there. May evict others.
  Room& Touch(const Uuid& conversation);
  Room* Find(const Uuid& conversation);
  // Those that the user is known to be a member of.
  std::span<const Uuid> OfMember(const UserId& user) const { return index_.ConversationsOf(user); }
  // A room in use is never evicted. Release may evict others.
  void Use(Room& room);
  void Release(Room& room);

  void PushToTail(Room& room, EventRef event);
  void ClearTail(Room& room);
  void ForgetInTail(Room& room, int64_t about_seq);
  // The tail was read.
  void TailUsed(Room& room);

  // An event that waits for its predecessors. The highest ones are dropped (and found in the store
  // later: store_head) where there are too many.
  void AddEarly(Room& room, EventRef event);
  EventRef TakeEarly(Room& room);  // the lowest
  void ClearEarly(Room& room);
  void DropEarlyUpTo(Room& room, int64_t seq);
  // One that shows something else than the store has with this seq: it is of a store that went back.
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
  MemberIndex index_;  // outlives the rooms
  std::unordered_map<Uuid, std::unique_ptr<Room>> by_id_;
  IntrusiveList<Room, &Room::idle_link> idle_;    // nobody uses them
  IntrusiveList<Room, &Room::tail_link> tailed_;  // their tails hold something
  size_t tail_bytes_ = 0, early_bytes_ = 0;
};

}  // namespace parley
