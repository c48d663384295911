// A WebSocket client that blocks: the benchmark that counts instructions drives the server with it, one
// step at a time. Errors: std::runtime_error. Threads: one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::bench {

// Returns a text frame of a client, masked with `mask`.
std::string MaskedFrame(std::string_view payload, uint32_t mask = 0x5A17C3E9);

class BlockingClient {
 public:
  // Connects to 127.0.0.1 and waits for connection_established.
  BlockingClient(uint16_t port, std::string_view path, std::string_view token);
  ~BlockingClient();
  BlockingClient(BlockingClient&& other) noexcept;
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  void Send(std::string_view bytes);
  // Reads frames until one of them has this type; presence and the like before it is skipped. Returns its
  // payload, which is valid until the next call. Errors: an `error` frame, a close frame, 60 s of silence.
  std::string_view WaitFor(std::string_view type);
  // Reads frames until both types have come, in either order.
  void WaitForBoth(std::string_view one, std::string_view other);

 private:
  // The payload of the next frame that has one of the types.
  std::string_view NextOf(std::string_view one, std::string_view other);
  std::string_view NextFrame();
  void ReadMore();

  int fd_ = -1;
  std::string in_;
  size_t at_ = 0;  // the start of the next frame in in_
};

}  // namespace parley::bench
