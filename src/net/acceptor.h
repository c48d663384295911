// Listening: TCP with one SO_REUSEPORT socket per shard, so that the kernel spreads connections; a
// Unix socket or an inherited descriptor with one socket whose connections are dealt out in turn.
#pragma once
#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/shard.h"

namespace parley {

struct ListenOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8000;   // 0: any free one
  std::string unix_path;  // instead of host and port
  unsigned unix_mode = 0660;
  int inherited_fd = -1;  // instead of both: a listening socket handed in (--fd)
  int backlog = 2048;
  bool tls = false;  // for the URL alone
};

class Listener {
 public:
  // Called on `shard`'s thread with each accepted socket; returns the connection to serve, or
  // nullptr to drop it.
  using MakeConnection =
      std::function<std::unique_ptr<Connection>(Shard& shard, StreamSocket socket, Peer peer)>;

  // Binds and listens; throws std::runtime_error naming the address where that cannot be.
  // Accepting begins with Start. Shards outlive the listener.
  Listener(const ListenOptions& options, std::vector<std::unique_ptr<Shard>>& shards,
           MakeConnection make);
  ~Listener();

  void Start();
  // Stops accepting. Any thread; connections in the kernel's backlog are reset.
  void Stop();
  uint16_t port() const { return port_; }
  // "http://127.0.0.1:8000" or "unix:/run/parley.sock".
  std::string Url() const;

 private:
  struct Socket;  // one listening socket on one shard

  void Accept(Socket& socket);
  void Serve(Shard& shard, int fd);

  ListenOptions options_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  MakeConnection make_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  uint16_t port_ = 0;
  std::atomic<unsigned> next_shard_{0};  // for sockets whose connections are dealt out
};

}  // namespace parley
