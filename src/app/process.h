// Process-wide system settings, applied before serving.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace parley {

// Prevents the process and its children from gaining privileges (PR_SET_NO_NEW_PRIVS), and core files
// and other processes from exposing keys and tokens in memory (PR_SET_DUMPABLE, RLIMIT_CORE).
void DropPrivileges();

// Raises the limit of open files to the maximum that the system allows, and returns it.
size_t RaiseOpenFiles();

// The number of connections that `open_files` permits, besides the store, logs and uploads.
size_t ConnectionsFor(size_t open_files);

// The cores that the process can use: `cores` of the machine, or fewer if the text of the control group's
// cpu.max, "QUOTA PERIOD" in microseconds or "max PERIOD", limits it; rounded up, at least 1.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
unsigned UsableCores(unsigned cores, std::string_view cpu_max);

// The number of shards: as configured, otherwise one per core that the process can use.
unsigned ShardCount(const Config& config);

// Security warnings, one line each: the process runs as root; every user of the machine can read a file
// with a secret. `sources`: as in ConfigResult.
std::vector<std::string> ProcessWarnings(const Config& config,
                                         const std::map<std::string, std::string>& sources);

}  // namespace parley
