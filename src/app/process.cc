#include "app/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "config/option_table.h"

namespace parley {
namespace {

// File descriptors for the store, the bus, logs, uploads and downloads.
constexpr size_t kOwnFiles = 512;

bool OthersCanRead(const std::string& file) {
  struct stat state{};
  return !file.empty() && ::stat(file.c_str(), &state) == 0 && (state.st_mode & S_IROTH) != 0;
}

}  // namespace

void DropPrivileges() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__)  // its leak check traces the process
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

size_t RaiseOpenFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  rlimit raised{limit.rlim_max, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return static_cast<size_t>(limit.rlim_cur);
}

size_t ConnectionsFor(size_t open_files) {
  return open_files - std::min(kOwnFiles, open_files / 2);
}

unsigned UsableCores(unsigned cores, std::string_view cpu_max) {
  double quota = 0;
  double period = 0;
  std::istringstream text{std::string(cpu_max)};
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return std::max(1u, cores);
  const double allowed = std::ceil(quota / period);
  return allowed >= cores ? std::max(1u, cores) : std::max(1u, static_cast<unsigned>(allowed));
}

unsigned ShardCount(const Config& config) {
  constexpr unsigned kMost = 64;  // a home stores its subscribed shards in 64 bits
  if (config.shards > 0) return std::min(static_cast<unsigned>(config.shards), kMost);
  std::ifstream file("/sys/fs/cgroup/cpu.max");  // in a container, that of its own group
  std::string cpu_max;
  std::getline(file, cpu_max);
  return std::min(UsableCores(std::thread::hardware_concurrency(), cpu_max), kMost);
}

std::vector<std::string> ProcessWarnings(const Config& config,
                                         const std::map<std::string, std::string>& sources) {
  std::vector<std::string> warnings;
  if (config.production() && ::geteuid() == 0) {
    warnings.push_back("running as root: use a dedicated user");
  }
  const AuthConfig& auth = config.auth;
  const auto look = [&](const std::string& file, const char* what) {
    if (!OthersCanRead(file)) return;
    warnings.push_back(file + ": every user of this machine can read " + what +
                       "; run chmod o-r on it");
  };
  std::set<std::string> files;
  for (const Option& option : Options()) {
    const auto source = sources.find(KeyOf(option));
    if (!option.secret || source == sources.end()) continue;
    const size_t line = source->second.rfind(':');  // "parley.toml:3"
    if (line != std::string::npos) files.insert(source->second.substr(0, line));
  }
  for (const std::string& file : files) look(file, "its secrets");
  look(auth.private_key, "this private key");
  look(config.ssl.keyfile, "this private key");
  return warnings;
}

}  // namespace parley
