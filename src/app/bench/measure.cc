#include "app/bench/measure.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "app/bench/rest_load.h"
#include "base/ids.h"
#include "loadgen/parley_dialect.h"

namespace parley::bench {
namespace {

constexpr size_t kReturningAtOnce = 1000;  // handshakes under way when all clients return

// The line that is rewritten on a terminal each second.
class ProgressLine {
 public:
  loadgen::Swarm::OnSecond OnSecond() {
    return [this](const loadgen::Second& s) {
      if (!terminal_) return;
      fmt::print(stderr,
                 "\r{:4} s  {} connections  {} sent/s  {} acknowledged/s  {} deliveries/s  "
                 "p99 {:.2f} ms  {} in flight \x1b[K",
                 ++seconds_, s.ready, s.sent, s.acked, s.delivered,
                 static_cast<double>(s.p99) / 1000, s.in_flight);
    };
  }
  ~ProgressLine() {
    if (terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  int seconds_ = 0;
};

// The CPU time of the server that bench started, between two moments.
class CpuMeter {
 public:
  explicit CpuMeter(const LocalServer* own) : own_(own) { Begin(); }
  void Begin() {
    if (own_ != nullptr) before_ = own_->CpuNanos();
  }
  void End() {
    if (own_ == nullptr || !seconds_.empty()) return;
    for (const auto& [name, nanos] : own_->CpuNanos())
      seconds_[name] = static_cast<double>(nanos - std::min(nanos, before_[name])) * 1e-9;
  }
  std::map<std::string, double> Take() {
    End();
    return std::move(seconds_);
  }

 private:
  const LocalServer* own_;
  std::map<std::string, uint64_t> before_;
  std::map<std::string, double> seconds_;
};

loadgen::Report RunWork(loadgen::Swarm& swarm, const BenchOptions& options, double rate,
                        CpuMeter& cpu) {
  ProgressLine progress;
  switch (options.scenario->work) {
    case Work::kConnect:
      return swarm.Storm(false, progress.OnSecond());
    case Work::kResume:
      return swarm.RunOutage({.rate = rate}, {.away = options.away}, progress.OnSecond());
    default:
      return swarm.Run(
          {.rate = rate, .warm_up = 1, .seconds = options.seconds},
          [&](std::string_view phase) { phase == "measuring" ? cpu.Begin() : cpu.End(); },
          progress.OnSecond());
  }
}

// Runs one measurement, and says why it failed.
Step RunStep(loadgen::Swarm& swarm, const BenchOptions& options, const LocalServer* own,
             double rate) {
  CpuMeter cpu(own);
  Step step{.rate = rate, .report = RunWork(swarm, options, rate, cpu)};
  step.cpu = cpu.Take();
  const loadgen::Report& report = step.report;
  const auto& measured = report.delivery.count() > 0 ? report.delivery : report.ack;
  const double p99 = static_cast<double>(measured.Percentile(0.99)) / 1000;
  if (report.faults.any()) {
    step.why = "messages, answers or connections were lost";
  } else if (report.unsent > 0) {
    const bool rest =
        options.scenario->work == Work::kRead || options.scenario->work == Work::kPost;
    step.why = fmt::format("{} {} could not be sent in time", report.unsent,
                           rest ? "requests" : "messages");
  } else if (options.search && p99 > options.max_p99) {
    step.why = fmt::format("p99 {:.1f} ms is over {:g} ms", p99, options.max_p99);
  } else if (options.search && static_cast<double>(report.acked) < 0.95 * rate * report.seconds) {
    step.why = fmt::format("{} of {:.0f} messages were acknowledged in time", report.acked,
                           rate * report.seconds);
  }
  step.kept_up = step.why.empty();
  return step;
}

// Doubles the rate until a step fails, and bisects between the last two to within 5 %.
void Search(loadgen::Swarm& swarm, const BenchOptions& options, const LocalServer* own,
            Results& results, const std::atomic<bool>& interrupted, std::ostream& out) {
  const auto attempt = [&](double rate) {
    results.steps.push_back(RunStep(swarm, options, own, rate));
    if (interrupted) results.steps.back().Fail("interrupted");
    out << StepText(results, results.steps.back()) << std::flush;
    return results.steps.back().kept_up;
  };
  double good = 0, bad = options.rate;
  while (attempt(bad)) good = bad, bad *= 2;
  while (!results.faulty() && !interrupted && bad > good * 1.05 && bad > 1) {
    const double middle = (good + bad) / 2;
    (attempt(middle) ? good : bad) = middle;
  }
}

// Errors: std::runtime_error if the process may not open as many connections.
void CheckOpenFiles(size_t connections) {
  constexpr size_t kOtherFiles = 64;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || connections + kOtherFiles <= limit.rlim_cur)
    return;
  throw std::runtime_error(fmt::format(
      "{} connections need more open files than a process may have ({}): raise the limit "
      "(ulimit -Hn), or run several benchmarks at the same time",
      connections, limit.rlim_cur));
}

std::unique_ptr<loadgen::Dialect> MakeDialect(const BenchOptions& options,
                                              const doctor::ProbeInput& input, const Rooms& rooms,
                                              const loadgen::Plan& plan) {
  if (options.scenario->work == Work::kRead) return MakeReader(options, input, rooms, plan);
  if (options.scenario->work == Work::kPost) return MakePoster(input, rooms, options.shape.size);
  return std::make_unique<loadgen::ParleyDialect>(plan.prefix);
}

}  // namespace

void Measure(const BenchOptions& options, const doctor::ProbeInput& input, const Key& key,
             const LocalServer* own, Results& results, std::ostream& out,
             const std::atomic<bool>& interrupted) {
  const Scenario& scenario = *options.scenario;
  // With shared users, each room is first filled by one member.
  const auto [count, size] = options.shape;
  CheckOpenFiles(scenario.shared_users ? std::max(count, size) : count * size);
  loadgen::Plan plan{.threads = options.threads,
                     .content_bytes = options.bytes,
                     .interrupted = &interrupted,
                     .prefix = RandomHex(4)};
  plan.ca_file = input.ca_file;
  for (const doctor::Target& target : input.targets) {
    plan.endpoints.push_back(loadgen::Resolve(target.host, target.port, target.tls));
  }
  Rooms rooms(input, key, plan.prefix, scenario, options.shape);
  rooms.Create(interrupted);
  const auto dialect = MakeDialect(options, input, rooms, plan);
  if (scenario.storms()) plan.connect_seconds = options.seconds;
  if (scenario.work == Work::kConnect) plan.connect_rate = options.rate;
  if (scenario.work == Work::kResume) plan.connecting_at_once = kReturningAtOnce;
  auto members = rooms.Members();
  results.connections = members.size();
  loadgen::Swarm swarm(plan, *dialect, std::move(members));
  if (own != nullptr) results.resident_before = own->ResidentBytes();
  if (scenario.work != Work::kConnect) swarm.Connect();
  if (own != nullptr) results.resident_connected = own->ResidentBytes();
  if (options.search) {
    Search(swarm, options, own, results, interrupted, out);
  } else {
    results.steps.push_back(RunStep(swarm, options, own, options.rate));
  }
  results.interrupted = interrupted;
  if (own != nullptr && scenario.work == Work::kConnect)
    results.resident_connected = own->ResidentBytes();
}

}  // namespace parley::bench
