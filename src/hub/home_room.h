// What Home keeps of one conversation. Only for home*.cc.
#pragma once
#include <map>
#include <unordered_set>

#include "hub/home.h"

namespace parley {

// One page of catch-up: enough to make the trip worth it, small beside an outbox.
inline constexpr size_t kPageEvents = 128;
inline constexpr size_t kPageBytes = 64 * 1024;
// Ids of a large conversation's members that memory remembers.
inline constexpr size_t kKnownMembers = 10'000;

struct Home::Room {
  explicit Room(const Uuid& conversation) : id(conversation) {}

  struct PendingRead {
    int64_t since;
    std::vector<Resolve<Result<PageRef>>> waiting;
  };

  Uuid id;
  bool loaded = false;
  bool loading = false;
  std::vector<Load> waiting;  // for the head
  int64_t head = 0;
  int64_t participant_count = 0;
  std::vector<UserId> participants;          // all of them, or none: see Admission
  std::unordered_set<UserId> known_members;  // some of them, where `participants` is none
  int64_t members_seq = 0;                   // of the last change of them that was heard of
  uint64_t listeners = 0;                    // bit i: shard i
  size_t in_flight = 0;                      // store calls that will come back to this room
  Tail tail;
  std::map<int64_t, EventRef> early;  // came before their predecessors
  bool filling_gap = false;
  std::vector<PendingRead> reads;

  bool Idle() const {
    return listeners == 0 && in_flight == 0 && !loading && waiting.empty() && reads.empty();
  }
};

}  // namespace parley
