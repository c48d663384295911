// What makes raw_epoll_server a server of RFC 6455: the checked upgrade, and the frames of a client. The same code
// of src/net as Parley's, without HTTP, tokens and sessions around it. Threads: one.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "net/ws_frame.h"

namespace parley::bench {

inline constexpr size_t kMostRequest = 16 << 10;  // bytes of a request
inline constexpr size_t kMostMessage = 64 << 10;  // bytes of a message

struct Upgrade {
  bool accepted = false;
  std::string response;   // 101, or 400 with the reason
  std::string_view path;  // within the request
};

// `request`: the request line and the header lines, each with CRLF.
Upgrade AnswerUpgrade(std::string_view request);

class RawWebSocket {
 public:
  // Calls `on_text` for each text message in what a client sent, and appends frames to answer with: pongs, and a
  // close frame. Returns false if the connection is over. Unmasks in place.
  bool Take(std::span<char> input, const std::function<void(std::string_view)>& on_text,
            std::string& replies);

 private:
  WsDecoder decoder_{kMostMessage};
};

}  // namespace parley::bench
