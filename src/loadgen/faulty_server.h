// A chat server that loses, repeats and reorders known messages on purpose, so that tests and
// `parley bench --self-test` can prove that the generator counts such faults. It speaks the part of
// Parley's protocol that ParleyDialect uses, with one room for all connections.
//
// Threads: one of its own, from the constructor to Stop().
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/ws_frame.h"

namespace parley::loadgen {

// How the server treats each n-th message (0: never), for all receivers, live and after a resume.
struct Misbehaviour {
  int lose_each = 0, repeat_each = 0, swap_each = 0, drop_acks_each = 0;
  int stall_at = 0;      // the number of a message before which the server does nothing for 500 ms
  int close_at = 0;      // the number of a message after which one receiver is closed
  int refuse_first = 0;  // number of connections that get 503
  int repeat_late_at = 0;           // the number of a message that is repeated after 50 ms
  std::string upgrade_answer = {};  // instead of 101 and what follows
};

class FaultyServer {
 public:
  explicit FaultyServer(Misbehaviour how);
  ~FaultyServer() { Stop(); }
  FaultyServer(const FaultyServer&) = delete;
  FaultyServer& operator=(const FaultyServer&) = delete;

  uint16_t port() const { return port_; }
  // Ends the thread, so that messages() is final.
  void Stop();
  int messages() const { return static_cast<int>(events_.size()); }

 private:
  struct Peer {
    std::string in;
    bool open = false;
    WsDecoder decoder{size_t{1} << 20};
  };

  void Serve(const std::stop_token& stop);
  void Accept();
  bool Read(int fd, Peer& peer);
  bool Greet(int fd, Peer& peer);
  void OnMessage(int fd, const std::string& json);
  // The frames of the event `seq` for a receiver. `held`: the event that a swap keeps back until the next one.
  std::string Frames(int seq, std::string& held) const;

  const Misbehaviour how_;
  int listener_ = -1, refused_ = 0;
  uint16_t port_ = 0;
  std::map<int, Peer> peers_;
  std::vector<std::string> events_;  // of seq 1 and up
  std::string held_;
  std::jthread thread_;
};

}  // namespace parley::loadgen
