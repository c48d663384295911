#include "bench/raw_websocket.h"

#include "base/bytes.h"
#include "http/http_syntax.h"

namespace parley::bench {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The value of a header; empty if it is missing.
std::string_view Header(std::string_view request, std::string_view name) {
  for (size_t at = request.find("\r\n"); at != request.npos && at + 2 < request.size();) {
    const size_t end = request.find("\r\n", at + 2);
    const std::string_view line = request.substr(at + 2, end - at - 2);
    const size_t colon = line.find(':');
    if (colon != line.npos && SameIgnoringCase(line.substr(0, colon), name))
      return Trimmed(line.substr(colon + 1));
    at = end;
  }
  return {};
}

// True if a list of tokens, as "keep-alive, Upgrade", contains one.
bool Lists(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (SameIgnoringCase(Trimmed(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

Upgrade Refuse(std::string_view reason) {
  return {.response = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: " +
                      std::to_string(reason.size()) + "\r\n\r\n" + std::string(reason)};
}

}  // namespace

Upgrade AnswerUpgrade(std::string_view request) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  if (!line.starts_with("GET /") || !line.ends_with(" HTTP/1.1"))
    return Refuse("expected GET over HTTP/1.1");
  const std::string_view key = Header(request, "Sec-WebSocket-Key");
  if (!Lists(Header(request, "Upgrade"), "websocket") ||
      !Lists(Header(request, "Connection"), "Upgrade"))
    return Refuse("expected an upgrade to websocket");
  if (Header(request, "Sec-WebSocket-Version") != "13") return Refuse("expected version 13");
  if (!IsValidKey(key)) return Refuse("Sec-WebSocket-Key is not 16 bytes of base64");
  return {.accepted = true,
          .response =
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: " +
              AcceptKey(key) + "\r\n\r\n",
          .path = line.substr(4, line.find(' ', 4) - 4)};
}

bool RawWebSocket::Take(std::span<char> input, const std::function<void(std::string_view)>& on_text,
                        std::string& replies) {
  for (;;) {
    const WsEvent event = decoder_.Next(input);
    switch (event.kind) {
      case WsEvent::Kind::kNeedMore:
        return true;
      case WsEvent::Kind::kText:
        on_text(event.payload);
        break;
      case WsEvent::Kind::kPing:
        replies += EncodePong(event.payload).view();
        break;
      case WsEvent::Kind::kPong:
        break;
      case WsEvent::Kind::kBinary:
        replies += EncodeClose(1003, "expected text").view();
        return false;
      case WsEvent::Kind::kClose:
        replies += EncodeClose(event.code, "").view();
        return false;
      case WsEvent::Kind::kError:
        replies += EncodeClose(event.code, event.payload).view();
        return false;
    }
  }
}

}  // namespace parley::bench
