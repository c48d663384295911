// `parley bench --self-test`: runs the load generator against a server that loses, repeats and reorders
// known messages, and compares what it counts with what the server did.
#pragma once
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "loadgen/faulty_server.h"
#include "loadgen/swarm.h"

namespace parley::bench {

struct SelfTestCase {
  enum class Run { kLoad, kOutage, kStorm };

  std::string name;
  loadgen::Misbehaviour how;
  Run run = Run::kLoad;
  size_t strangers =
      0;  // connections of another room, to which the server delivers the messages too
  bool all_sent = true;  // false: the load ends early
  loadgen::Faults expected = {};
  // The least number of acknowledgements that take 200 ms or more.
  uint64_t slow_acks = 0;
};

const std::vector<SelfTestCase>& SelfTestCases();
// Prints a line, and what differs. Returns false if a count is not exact. `threads`: of the generator. Errors:
// std::runtime_error.
bool RunSelfTestCase(const SelfTestCase& test, size_t threads, std::ostream& out);
// Runs all cases; returns true if all counts are exact.
bool RunSelfTest(size_t threads, std::ostream& out);

}  // namespace parley::bench
