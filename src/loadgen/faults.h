// What a load generator counted as wrong.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string_view>

namespace parley::loadgen {

// What went wrong, over all receivers. The first three are by client id, the next three by seq.
struct Faults {
  uint64_t lost = 0, repeated = 0, reordered = 0;
  uint64_t seq_lost = 0, seq_repeated = 0, seq_reordered = 0;
  uint64_t misdelivered = 0;      // to a member of another room
  uint64_t unacknowledged = 0;    // sent, and neither acknowledged nor refused
  uint64_t lost_connections = 0;  // ready, and closed by the server
  uint64_t failed_connects = 0;   // attempts that the server refused or closed
  uint64_t never_ready = 0;  // clients that were not ready, or not caught up, before the deadline
  uint64_t refused = 0;      // errors that the server returned
  bool any() const;
  Faults& operator+=(const Faults& other);
};

// The counts with their names in reports.
struct FaultRow {
  std::string_view name;
  uint64_t Faults::* count;
};
inline constexpr FaultRow kFaultRows[] = {{"lost", &Faults::lost},
                                          {"repeated", &Faults::repeated},
                                          {"reordered", &Faults::reordered},
                                          {"seq_lost", &Faults::seq_lost},
                                          {"seq_repeated", &Faults::seq_repeated},
                                          {"seq_reordered", &Faults::seq_reordered},
                                          {"misdelivered", &Faults::misdelivered},
                                          {"unacknowledged", &Faults::unacknowledged},
                                          {"lost_connections", &Faults::lost_connections},
                                          {"failed_connects", &Faults::failed_connects},
                                          {"never_ready", &Faults::never_ready},
                                          {"refused", &Faults::refused}};

inline bool Faults::any() const {
  return std::ranges::any_of(kFaultRows,
                             [&](const FaultRow& row) { return this->*row.count != 0; });
}

inline Faults& Faults::operator+=(const Faults& other) {
  for (const FaultRow& row : kFaultRows) this->*row.count += other.*row.count;
  return *this;
}

}  // namespace parley::loadgen
