#include "app/bench/generator_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/bench/bench_report.h"
#include "loadgen/parley_dialect.h"

namespace parley::bench {
namespace {

using loadgen::Faults, loadgen::Report, loadgen::Swarm;

constexpr uint64_t kMessages = 211, kReceivers = 5;  // the last message is none of the affected
constexpr double kRate = 300;

// Faults of each n-th message at every receiver, by client id and by seq.
Faults EachLost(uint64_t n) {
  const uint64_t count = kMessages / n * kReceivers;
  return {.lost = count, .seq_lost = count};
}
Faults EachRepeated(uint64_t n) {
  const uint64_t count = kMessages / n * kReceivers;
  return {.repeated = count, .seq_repeated = count};
}
Faults EachReordered(uint64_t n) {
  const uint64_t count = kMessages / n * kReceivers;
  return {.reordered = count, .seq_reordered = count};
}

Report Run(const SelfTestCase& test, Swarm& swarm) {
  if (test.run == SelfTestCase::Run::kStorm) return swarm.Storm();
  swarm.Connect();
  const loadgen::Load load{.rate = kRate, .warm_up = 0, .seconds = 60, .messages_each = kMessages};
  if (test.run == SelfTestCase::Run::kLoad) return swarm.Run(load);
  return swarm.RunOutage(load, {.before = 0.2, .away = 0.2, .after = 0.2});
}

// What differs from the expectation; empty if nothing does.
std::string Difference(const SelfTestCase& test, const Report& report, int stored) {
  std::string out;
  for (const loadgen::FaultRow& row : loadgen::kFaultRows) {
    const uint64_t counted = report.faults.*row.count, caused = test.expected.*row.count;
    if (counted != caused)
      out += fmt::format("      {}: counted {}, but {} were caused\n", row.name, counted, caused);
  }
  const bool sends = test.run != SelfTestCase::Run::kStorm && test.all_sent;
  if (sends && (report.sent != kMessages || static_cast<uint64_t>(stored) != kMessages)) {
    out +=
        fmt::format("      sent {} and stored {} of {} messages\n", report.sent, stored, kMessages);
  }
  const uint64_t slow = report.ack.CountFrom(200'000);
  if (slow < test.slow_acks)
    out += fmt::format("      {} acknowledgements took 200 ms, at least {} were expected\n", slow,
                       test.slow_acks);
  return out;
}

std::string Counts(const Report& report) {
  std::string out;
  for (const loadgen::FaultRow& row : loadgen::kFaultRows) {
    const uint64_t count = report.faults.*row.count;
    if (count != 0) out += fmt::format("{} {} {}", out.empty() ? ":" : ",", row.name, count);
  }
  return out;
}

}  // namespace

const std::vector<SelfTestCase>& SelfTestCases() {
  using enum SelfTestCase::Run;
  static const std::vector<SelfTestCase> cases = {
      {.name = "a server without faults", .how = {}},
      {.name = "loses each 7th message", .how = {.lose_each = 7}, .expected = EachLost(7)},
      {.name = "repeats each 5th message", .how = {.repeat_each = 5}, .expected = EachRepeated(5)},
      {.name = "reorders each 6th message", .how = {.swap_each = 6}, .expected = EachReordered(6)},
      {.name = "does not acknowledge each 10th message",
       .how = {.drop_acks_each = 10},
       .expected = {.unacknowledged = kMessages / 10}},
      {.name = "delivers messages to another room",
       .how = {},
       .strangers = 2,
       .expected = {.misdelivered = 2 * kMessages}},
      {.name = "closes a connection",
       .how = {.close_at = 50},
       .all_sent = false,
       .expected = {.lost_connections = 1}},
      {.name = "resumes without faults", .how = {}, .run = kOutage},
      {.name = "loses each 7th message, also in a resume",
       .how = {.lose_each = 7},
       .run = kOutage,
       .expected = EachLost(7)},
      {.name = "repeats each 5th message, also in a resume",
       .how = {.repeat_each = 5},
       .run = kOutage,
       .expected = EachRepeated(5)},
      {.name = "reorders each 6th message, also in a resume",
       .how = {.swap_each = 6},
       .run = kOutage,
       .expected = EachReordered(6)},
      {.name = "repeats the last message later",
       .how = {.repeat_late_at = kMessages},
       .expected = {.repeated = kReceivers, .seq_repeated = kReceivers}},
      {.name = "refuses the first 3 connections",
       .how = {.refuse_first = 3},
       .run = kStorm,
       .expected = {.failed_connects = 3}},
      // 150 messages are due in the stall; 90 of them more than 200 ms before its end.
      {.name = "stalls for 500 ms: late messages count from when they were due",
       .how = {.stall_at = 50},
       .slow_acks = 85},
  };
  return cases;
}

bool RunSelfTestCase(const SelfTestCase& test, size_t threads, std::ostream& out) {
  loadgen::FaultyServer server(test.how);
  const loadgen::Plan plan{.endpoints = {loadgen::Resolve("127.0.0.1", server.port())},
                           .threads = threads,
                           .quiet_seconds = 1,
                           .prefix = "self"};
  std::vector<loadgen::Member> members;
  for (size_t i = 0; i < kReceivers + test.strangers; ++i)
    members.push_back({.room = i < kReceivers ? 0U : 1U, .sends = i == 0, .path = "/"});
  const loadgen::ParleyDialect dialect(plan.prefix);
  Report report;
  {
    Swarm swarm(plan, dialect, std::move(members));
    report = Run(test, swarm);
    server.Stop();
  }
  const std::string difference = Difference(test, report, server.messages());
  out << (difference.empty() ? "  ok    " : "  FAIL  ") << test.name << Counts(report) << '\n'
      << difference;
  return difference.empty();
}

bool RunSelfTest(size_t threads, std::ostream& out) {
  out << fmt::format("{} messages to {} receivers over {} thread{}, for each of:\n", kMessages,
                     kReceivers, threads, threads == 1 ? "" : "s");
  bool all = true;
  for (const SelfTestCase& test : SelfTestCases()) all = RunSelfTestCase(test, threads, out) && all;
  out << (all ? "all counts are exact\n"
              : "the generator counts wrongly: do not trust its reports\n");
  return all;
}

}  // namespace parley::bench
