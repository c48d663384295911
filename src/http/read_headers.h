// The request headers that the server reads. A request is refused if one of them is not valid UTF-8
// (Request::From), so that no feature can process such a value. Other headers cannot be read.
#pragma once
#include <algorithm>
#include <string_view>

#include "http/http_syntax.h"

namespace parley {

inline constexpr std::string_view kReadHeaders[] = {
    "Accept",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Access-Control-Request-Private-Network",
    "Authorization",
    "Connection",
    "Content-Encoding",
    "Content-Type",
    "Expect",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Origin",
    "Range",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Upgrade",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-On-Behalf-Of",
    "X-Request-ID",
};

constexpr bool IsReadHeader(std::string_view name) {
  return std::ranges::any_of(kReadHeaders,
                             [&](std::string_view known) { return SameIgnoringCase(known, name); });
}

// The name of a header in the list; other names do not compile.
class HeaderName {
 public:
  consteval HeaderName(const char* name) : name_(name) {
    if (!IsReadHeader(name_)) throw "a header that is read must be in kReadHeaders";
  }
  constexpr operator std::string_view() const { return name_; }

 private:
  std::string_view name_;
};

}  // namespace parley
