// The load generator of ./dev bench: the command line of src/loadgen for other servers too, and for members
// that are given. Prints "connected", "measuring" and "measured", then one line of JSON.
//
//   parley_bench MEMBERS [key=value...]   MEMBERS: a file, "room sends slow path [token [port]]" a line
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>

#include "app/process.h"
#include "bench/dialects.h"
#include "bench/user_dialect.h"
#include "loadgen/swarm.h"

namespace {

using namespace parley::bench;
using namespace parley::loadgen;

struct Options {
  Plan plan;
  Load load{.pace = Pace::kDelivered};
  std::string dialect = "parley";
  bool storm = false;  // all users come back at once, each with a user socket
  uint16_t port = 0;
};

std::vector<Member> ReadMembers(const char* path, Options& options) {
  std::vector<Member> members;
  std::map<uint16_t, size_t> endpoints;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Member member;
    uint16_t port = 0;
    words >> member.room >> member.sends >> member.slow >> member.path >> member.token >> port;
    if (port == 0) port = options.port;
    const auto [found, added] = endpoints.try_emplace(port, endpoints.size());
    if (added) options.plan.endpoints.push_back(Resolve("127.0.0.1", port));
    member.endpoint = found->second;
    members.push_back(member);
  }
  return members;
}

void Set(Options& options, const std::string& option) {
  const size_t equals = option.find('=');
  const std::string key = option.substr(0, equals), value = option.substr(equals + 1);
  const std::map<std::string, std::function<void()>> setters = {
      {"port", [&] { options.port = static_cast<uint16_t>(std::stoi(value)); }},
      {"storm", [&] { options.storm = value == "1"; }},
      {"dialect", [&] { options.dialect = value; }},
      {"pace",
       [&] {
         options.load.pace = value == "acked"  ? Pace::kAcked
                             : value == "rate" ? Pace::kRate
                                               : Pace::kDelivered;
       }},
      {"window", [&] { options.load.window = std::stoul(value); }},
      {"rate", [&] { options.load.rate = std::stod(value); }},
      {"warm_up", [&] { options.load.warm_up = std::stod(value); }},
      {"seconds", [&] { options.load.seconds = std::stod(value); }},
      {"hold", [&] { options.load.hold = std::stod(value); }},
      {"bytes", [&] { options.plan.content_bytes = std::stoul(value); }},
      {"threads", [&] { options.plan.threads = std::stoul(value); }},
      {"sample", [&] { options.plan.sample = std::stoul(value); }},
      {"ack_log", [&] { options.plan.ack_log = value; }},
  };
  const auto found = setters.find(key);
  if (found == setters.end()) throw std::runtime_error("unknown option " + key);
  found->second();
}

void Say(const char* phase) {
  printf("%s\n", phase);
  fflush(stdout);
}

double Millis(const Histogram& latency, double share) {
  return static_cast<double>(latency.Percentile(share)) / 1000;
}

void RunStorm(Options options, std::vector<Member> members) {
  const UserDialect dialect;
  options.plan.connecting_at_once = members.size();
  options.plan.connect_seconds = options.load.seconds;
  const size_t clients = members.size();
  Swarm swarm(options.plan, dialect, std::move(members));
  const Report report = swarm.Storm(true);
  printf(
      "{\"clients\":%zu,\"resumed\":%lu,\"established_seconds\":%.3f,\"resumed_seconds\":%.3f,"
      "\"disconnects\":%lu,\"immediate\":%lu,\"refused\":%lu,\"bytes\":%lu}\n",
      clients, report.resumed, report.connect_seconds, report.caught_up_seconds, report.postponed,
      report.postponed_without_delay,
      report.faults.failed_connects + report.faults.lost_connections, report.bytes);
}

void RunLoad(const Options& options, std::vector<Member> members) {
  const auto dialect = DialectNamed(options.dialect, options.plan.prefix);
  Swarm swarm(options.plan, *dialect, std::move(members));
  swarm.Connect();
  Say("connected");
  const Report report = swarm.Run(options.load, Say);
  if (!report.first_error.empty()) fprintf(stderr, "%s\n", report.first_error.c_str());
  printf(
      "{\"connect_seconds\":%.4f,\"seconds\":%.4f,\"sent\":%lu,\"acked\":%lu,\"duplicates\":%lu,"
      "\"errors\":%lu,\"delivered\":%lu,\"bytes\":%lu,\"lost_connections\":%lu,"
      "\"undelivered\":%lu,\"misdelivered\":%lu,\"repeated\":%lu,\"reordered\":%lu,"
      "\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
      report.connect_seconds, report.seconds, report.sent, report.acked, report.duplicates,
      report.faults.refused, report.delivered, report.bytes, report.faults.lost_connections,
      report.undelivered, report.faults.misdelivered, report.faults.repeated,
      report.faults.reordered, Millis(report.ack, 0.5), Millis(report.ack, 0.99),
      Millis(report.delivery, 0.5), Millis(report.delivery, 0.99));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("parley_bench MEMBERS [key=value...]");
  Options options;
  for (int i = 2; i < argc; ++i) Set(options, argv[i]);
  options.plan.prefix = std::to_string(std::random_device{}());
  parley::RaiseOpenFiles();
  std::vector<Member> members = ReadMembers(argv[1], options);
  options.storm ? RunStorm(options, std::move(members)) : RunLoad(options, std::move(members));
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "parley_bench: %s\n", error.what());
  return 1;
}
