// The load generator of ./dev bench; see swarm.h. Prints "connected", "measuring", "measured" as it
// goes, then one line of JSON.
//
//   parley_bench MEMBERS [key=value...]   MEMBERS: a file, "room sends slow path [token [port]]" a line
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "bench/storm.h"
#include "bench/swarm.h"

namespace {

using namespace parley::bench;

std::vector<Member> ReadMembers(const char* path) {
  std::vector<Member> members;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Member member;
    words >> member.room >> member.sends >> member.slow >> member.path >> member.token >>
        member.port;
    members.push_back(member);
  }
  return members;
}

void Set(Plan& plan, const std::string& option) {
  const size_t equals = option.find('=');
  const std::string key = option.substr(0, equals), value = option.substr(equals + 1);
  if (key == "port")
    plan.port = static_cast<uint16_t>(std::stoi(value));
  else if (key == "storm")
    plan.storm = value == "1";
  else if (key == "raw")
    plan.raw = value == "1";
  else if (key == "pace") {
    plan.pace = value == "acked" ? Pace::kAcked : value == "rate" ? Pace::kRate : Pace::kDelivered;
  } else if (key == "window")
    plan.window = std::stoul(value);
  else if (key == "rate")
    plan.rate = std::stod(value);
  else if (key == "warm_up")
    plan.warm_up = std::stod(value);
  else if (key == "seconds")
    plan.seconds = std::stod(value);
  else if (key == "bytes")
    plan.content_bytes = std::stoul(value);
  else if (key == "hold")
    plan.hold = std::stod(value);
  else if (key == "sample")
    plan.sample = std::stoul(value);
  else if (key == "ack_log")
    plan.ack_log = value;
  else
    throw std::runtime_error("unknown option " + key);
}

float Percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

int RunStorm(const Plan& plan, std::vector<Member> members) {
  const StormReport report = Storm(plan, std::move(members)).Run();
  printf(
      "{\"clients\":%zu,\"resumed\":%zu,\"conversations\":%lu,\"established_seconds\":%.3f,"
      "\"resumed_seconds\":%.3f,\"disconnects\":%lu,\"immediate\":%lu,\"refused\":%lu,"
      "\"bytes\":%lu}\n",
      report.clients, report.resumed, report.conversations, report.established_seconds,
      report.resumed_seconds, report.disconnects, report.immediate, report.refused, report.bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Plan plan;
  for (int i = 2; i < argc; ++i) Set(plan, argv[i]);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  if (plan.storm) return RunStorm(plan, ReadMembers(argv[1]));
  Swarm swarm(plan, ReadMembers(argv[1]));
  swarm.Connect();
  printf("connected\n");
  fflush(stdout);
  Report report = swarm.Run();
  printf(
      "{\"connect_seconds\":%.4f,\"seconds\":%.4f,\"sent\":%lu,\"acked\":%lu,\"duplicates\":%lu,"
      "\"errors\":%lu,\"delivered\":%lu,\"bytes\":%lu,\"lost_connections\":%lu,"
      "\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
      report.connect_seconds, report.seconds, report.sent, report.acked, report.duplicates,
      report.errors, report.delivered, report.bytes, report.lost_connections,
      Percentile(report.ack_ms, 0.5), Percentile(report.ack_ms, 0.99),
      Percentile(report.delivery_ms, 0.5), Percentile(report.delivery_ms, 0.99));
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "parley_bench: %s\n", error.what());
  return 1;
}
