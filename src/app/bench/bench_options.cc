#include "app/bench/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/commands/url_arguments.h"

namespace parley::bench {

const std::vector<CommandFlag>& BenchFlags() {
  static const std::vector<CommandFlag> flags = {
      {"--url", "URL",
       "A node to measure; can be repeated. Without one, bench starts a server of its own.", false},
      {"--token-key", "KEY", "The secret that signs tokens (HS256); otherwise the configured key.",
       false},
      {"--ca-file", "FILE", "PEM file of the authorities to trust, instead of the system's.",
       false},
      {"--rooms", "N", "Conversations.", false},
      {"--size", "N", "Members of each conversation; each has a connection.", false},
      {"--connections", "N", "Connections in total, instead of --size (fanout, slow) or --rooms.",
       false},
      {"--rate", "N",
       "Messages or requests per second, over all senders; with --search, the first rate. connect: "
       "connections per second (default: as fast as the server answers).",
       false},
      {"--seconds", "N",
       "The measured time, after a warm-up of 1 s (default 10; with --search 3 for each step). "
       "connect, "
       "resume: the deadline of all connections (default 60).",
       false},
      {"--bytes", "N", "Bytes of each message, at least 64 (default 128).", false},
      {"--messages", "N", "history: messages of each conversation (default 200).", false},
      {"--away", "N", "resume: seconds from the cut to the return (default 2).", false},
      {"--threads", "N",
       "Threads of the load generator, 1 to 64 (default 1). They share the connections evenly.",
       false},
      {"--search", "", "Find the highest rate that the server keeps up with.", false},
      {"--max-p99", "MS", "The highest accepted p99 of a search (default 50).", false},
      {"--self-test", "",
       "Check the load generator against a server that misbehaves on purpose; takes no scenario.",
       false},
      {"--json", "FILE", "Write the results as JSON.", false},
      {"--html", "FILE", "Write the results as a page with charts.", false}};
  return flags;
}

Given SortArguments(const std::vector<std::string>& args) {
  Given out;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    const bool value = i > 0 && args[i - 1].starts_with("-") && args[i - 1] != "--search" &&
                       args[i - 1] != "--self-test" && args[i - 1].find('=') == arg.npos;
    if (arg == "--search") {
      out.search = true;
    } else if (arg == "--self-test") {
      out.self_test = true;
    } else if (TakeUrl(args, i, out.urls)) {
      continue;
    } else if (!value && !arg.starts_with("-")) {
      out.scenarios.push_back(arg);
    } else {
      out.rest.push_back(arg);
    }
  }
  return out;
}

namespace {

class NumberReader {
 public:
  NumberReader(std::map<std::string, std::string>& flags, std::vector<std::string>& errors)
      : flags_(flags), errors_(errors) {}
  // Replaces the value if the flag was given. Errors: it is not a number from `least` to `most`.
  template <class T>
  bool Read(const char* flag, T& value, T least, T most) {
    const std::string& text = flags_[flag];
    if (text.empty()) return false;
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() ||
        !(number >= least && number <= most)) {  // NaN is not in the range
      errors_.push_back(
          fmt::format("{}: '{}' is not a number from {} to {}", flag, text, least, most));
      return false;
    }
    value = number;
    return true;
  }

 private:
  std::map<std::string, std::string>& flags_;
  std::vector<std::string>& errors_;
};

}  // namespace

BenchOptions ReadBenchOptions(const Given& given, ConfigResult& loaded) {
  BenchOptions out{.search = given.search};
  std::vector<std::string>& errors = loaded.errors;
  NumberReader numbers(loaded.command_flags, errors);
  numbers.Read<size_t>("--threads", out.threads, 1, 64);
  for (const char* flag : {"--search", "--self-test"}) {
    if (loaded.command_flags.contains(flag))
      errors.push_back(fmt::format("{} takes no value", flag));
  }
  if (given.self_test) {
    if (!given.scenarios.empty() || !given.urls.empty() || given.search)
      errors.push_back("--self-test takes no scenario and no --url");
    return out;
  }
  std::string names;
  for (const Scenario& row : Scenarios()) {
    names += (names.empty() ? "" : ", ") + std::string(row.name);
    if (given.scenarios.size() == 1 && given.scenarios[0] == row.name) out.scenario = &row;
  }
  if (out.scenario == nullptr) {
    errors.push_back("bench takes one scenario: " + names);
    return out;
  }
  const Scenario& scenario = *out.scenario;
  out.shape = {scenario.rooms, scenario.size};
  out.rate = scenario.rate;
  if (given.search) out.seconds = 3;
  if (scenario.storms()) out.seconds = 60;
  constexpr size_t kMany = 100'000;
  numbers.Read<size_t>("--rooms", out.shape.rooms, 1, kMany);
  numbers.Read<size_t>("--size", out.shape.size, 1, kMany);
  size_t connections = 0;
  if (numbers.Read<size_t>("--connections", connections, 1, kMany)) {
    const bool members = scenario.rooms == 1 || scenario.shared_users;
    size_t& adapts = members ? out.shape.size : out.shape.rooms;
    const size_t other = scenario.shared_users ? 1 : members ? out.shape.rooms : out.shape.size;
    adapts = std::max<size_t>(1, connections / other);
  }
  if (numbers.Read("--rate", out.rate, 0.1, 1e7) && scenario.rate == 0 && !scenario.storms())
    errors.push_back("--rate: this scenario sends nothing");
  numbers.Read("--seconds", out.seconds, 0.1, 86400.0);
  numbers.Read("--max-p99", out.max_p99, 0.01, 60000.0);
  numbers.Read<size_t>("--bytes", out.bytes, 64, 32768);
  if (scenario.all_send && out.shape.size > 1000) {
    errors.push_back("--size: where all members send, a conversation has at most 1000");
  }
  numbers.Read<size_t>("--messages", out.messages, 100, 1'000'000);
  numbers.Read("--away", out.away, 0.0, 3600.0);
  if (given.search && scenario.rate == 0) errors.push_back("--search: this scenario sends nothing");
  if (given.search && scenario.work == Work::kResume)
    errors.push_back("--search: this scenario has no highest rate");
  if (scenario.work == Work::kResume && out.shape.size < 2)
    errors.push_back("--size: resume needs a receiver: at least 2");
  if (given.urls.size() < scenario.least_nodes && scenario.least_nodes > 1) {
    errors.push_back(
        fmt::format("{} needs --url at least {} times", scenario.name, scenario.least_nodes));
  }
  return out;
}

}  // namespace parley::bench
