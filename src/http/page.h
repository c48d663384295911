// Pages that travel in the binary: HTML with one inline script, one inline style, and nothing from
// elsewhere.
#pragma once
#include <string_view>

#include "http/response.h"

namespace parley {

// The page under a Content-Security-Policy that lets its own script and style run, lets it talk to
// this server, and forbids everything else. Copies of it share one buffer.
Response HtmlPage(std::string_view page);

}  // namespace parley
