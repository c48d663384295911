// What the process asks of the system for itself, before it serves.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "app/config.h"

namespace parley {

// No program started from here gains privileges (PR_SET_NO_NEW_PRIVS), and no core file or tracer of
// another process sees keys and tokens in memory (PR_SET_DUMPABLE, RLIMIT_CORE).
void DropPrivileges();

// Raises the limit of open files to what the system allows. Returns it.
size_t RaiseOpenFiles();

// How many connections `open_files` leaves room for, beside the store, logs and uploads.
size_t ConnectionsFor(size_t open_files);

// What makes the process or its secrets less safe than they could be, one line each: it runs as
// root; a file with a secret can be read by every user of the machine. `sources`: as in ConfigResult.
std::vector<std::string> ProcessWarnings(const Config& config,
                                         const std::map<std::string, std::string>& sources);

}  // namespace parley
