// Open files, memory and the accept queue against the configured number of connections.
#include <sys/resource.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "app/doctor/probe.h"
#include "app/process.h"

namespace parley::doctor {
namespace {

constexpr size_t kFewConnections = 1'000;
// Of an idle WebSocket: the server's memory and the kernel's socket buffers.
constexpr uint64_t kConnectionBytes = 8 * 1024;
constexpr uint64_t kBaseBytes = 128 * 1024 * 1024;

std::optional<uint64_t> NumberIn(const char* file) {
  std::ifstream in(file);
  std::string text;
  if (!(in >> text) || !std::isdigit(static_cast<unsigned char>(text[0]))) return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

// Returns the smaller of the machine's memory and the limit of the control group; 0 if unknown.
uint64_t MemoryBytes() {
  uint64_t bytes = 0;
  std::ifstream meminfo("/proc/meminfo");
  std::string key, unit;
  for (uint64_t kib = 0; meminfo >> key >> kib >> unit;) {
    if (key == "MemTotal:") bytes = kib * 1024;
    if (bytes != 0) break;
  }
  const auto limit = NumberIn("/sys/fs/cgroup/memory.max");
  return limit && (bytes == 0 || *limit < bytes) ? *limit : bytes;
}

}  // namespace

ProbeResult ProbeCapacity(const ProbeInput& input) {
  Report report;
  const Config& config = input.config;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);  // serve raises the soft limit to the hard one
  const size_t allowed = ConnectionsFor(static_cast<size_t>(files.rlim_max));
  report.Note(
      fmt::format("{} open files in this session allow {} connections", files.rlim_max, allowed));
  if (config.limit_concurrency > allowed) {
    report.Add(
        Code::open_files_low,
        fmt::format("the limit of {} open files allows {} connections, limit_concurrency is {}",
                    files.rlim_max, allowed, config.limit_concurrency));
  } else if (allowed < kFewConnections) {
    report.Add(Code::open_files_low,
               fmt::format("the limit of {} open files allows only {} connections", files.rlim_max,
                           allowed));
  }

  const uint64_t memory = MemoryBytes(),
                 needed = config.limit_concurrency * kConnectionBytes + kBaseBytes;
  constexpr uint64_t kMiB = 1024 * 1024;
  if (memory != 0) report.Note(fmt::format("{} MiB of memory", memory / kMiB));
  if (memory != 0 && config.limit_concurrency != 0 && needed > memory) {
    report.Add(Code::memory_low,
               fmt::format("{} connections need about {} MiB, {} MiB are available",
                           config.limit_concurrency, needed / kMiB, memory / kMiB));
  }

  const auto queue = NumberIn("/proc/sys/net/core/somaxconn");
  if (queue && *queue < static_cast<uint64_t>(config.backlog)) {
    report.Add(Code::backlog_capped,
               fmt::format("net.core.somaxconn is {}, backlog is {}", *queue, config.backlog));
  }
  return report.Done();
}

ProbeResult ProbeSecrets(const ProbeInput& input) {
  Report report;
  for (const std::string& warning : ProcessWarnings(input.config, input.sources)) {
    if (warning.find("every user") != warning.npos) report.Add(Code::secret_readable, warning);
  }
  report.Note("no secret is readable by every user");
  return report.Done();
}

}  // namespace parley::doctor
