// What Home keeps of one conversation. Only for home*.cc.
#pragma once
#include <map>

#include "hub/home.h"

namespace parley {

// One page of catch-up: enough to make the trip worth it, small beside an outbox.
inline constexpr size_t kPageEvents = 128;
inline constexpr size_t kPageBytes = 64 * 1024;
// Then what was heard is not believed: other nodes may say what is not in the store.
inline constexpr int kLoadsAgain = 3;
// Reads that load rooms, and rooms in each: of 200 members each that is some megabyte.
inline constexpr size_t kLoadsAtOnce = 2;
inline constexpr size_t kRoomsInALoad = 128;
// Ids of a large conversation's members that memory remembers.
inline constexpr size_t kKnownMembers = 10'000;

struct Home::Room {
  Room(const Uuid& conversation, MemberIndex& index) : id(conversation), participants(index, id) {}

  struct PendingRead {
    int64_t since;
    std::vector<Resolve<Result<PageRef>>> waiting;
  };

  Uuid id;
  bool loaded = false;
  bool loading = false;
  bool heard_since_load_began = false;  // else changes may have come that nobody told
  int loads_again = 0;                  // what had been read was older than what was heard
  std::vector<Load> waiting;            // for the head
  int64_t head = 0;
  bool head_known = false;  // else it is the next to be loaded
  int64_t store_head = 0;   // as the store was last heard to be; may be behind
  int64_t participant_count = 0;
  KnownMembers participants;                 // all of them, or none: see Admission
  KeyedSet known_members;  // some of them, where `participants` is none
  int64_t members_seq = 0;                   // of the last change of them that was heard of
  int64_t members_from = 0;                  // changes of them after this seq have been heard of
  uint64_t listeners = 0;                    // bit i: shard i
  size_t in_flight = 0;                      // store calls that will come back to this room
  Tail tail;
  std::map<int64_t, EventRef> early;  // came before their predecessors
  bool filling_gap = false;
  int fills_in_vain = 0;
  std::vector<PendingRead> reads;
  // Where there are other nodes:
  bool followed = false;                     // their events are heard
  Monotonic empty_since = {};                // followed, but nobody listens
  std::optional<Monotonic> next_check = {};  // of its head

  bool Idle() const {
    return listeners == 0 && !followed && in_flight == 0 && !loading && waiting.empty() &&
           reads.empty();
  }
};

}  // namespace parley
