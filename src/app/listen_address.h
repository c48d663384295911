// One option that names several: `host` may be HOST:PORT, unix:PATH or fd://N, as ASGI servers take
// it after -b. And the choice between the three ways to listen.
#pragma once
#include <string>
#include <vector>

#include "app/config_sources.h"

namespace parley {

// Replaces each `host` among `given` by the options that it stands for. Two addresses given in one
// place (`-b 127.0.0.1:1 -p 2`, two -b) are an error: one server listens at one address.
void ExpandHosts(std::vector<GivenOption>& given, std::vector<std::string>& errors);

// Of host and port, uds, and fd, the way that was given with the highest precedence stays; others
// are removed with a note. Two ways in one place are an error.
void ChooseListener(std::vector<GivenOption>& given, std::vector<std::string>& errors,
                    std::vector<std::string>& notes);

}  // namespace parley
