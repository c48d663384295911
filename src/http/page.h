// Embedded pages: HTML with one inline script and one inline style, without external resources.
#pragma once
#include <string_view>

#include "http/response.h"

namespace parley {

// The page with a Content-Security-Policy that only allows its own script and style and connections to
// this server. Copies share one buffer.
Response HtmlPage(std::string_view page);

}  // namespace parley
