// Expands `host`, which can be HOST:PORT, unix:PATH or fd://N as in ASGI servers after -b, and chooses
// between the three kinds of listener.
#pragma once
#include <string>
#include <vector>

#include "config/config_sources.h"

namespace parley {

// Replaces each `host` in `given` by the corresponding options. Two addresses in one source
// (`-b 127.0.0.1:1 -p 2`, two -b) are an error: a server listens on one address.
void ExpandHosts(std::vector<GivenOption>& given, std::vector<std::string>& errors);

// Keeps the kind of listener (host and port, uds, or fd) with the highest precedence and removes the
// others with a note. Two kinds in one source are an error.
void ChooseListener(std::vector<GivenOption>& given, std::vector<std::string>& errors,
                    std::vector<std::string>& notes);

}  // namespace parley
