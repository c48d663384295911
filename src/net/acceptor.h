// Listens for connections: on TCP with one SO_REUSEPORT socket per shard, so that the kernel distributes
// connections; on a Unix socket or inherited descriptor with one socket whose connections are assigned to
// the shards in turn.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/shard.h"

namespace parley {

struct ListenOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8000;   // 0: any free port
  std::string unix_path;  // instead of host and port
  unsigned unix_mode = 0660;
  int inherited_fd = -1;  // an inherited listening socket (--fd), instead of the others
  int backlog = 2048;
  bool tls = false;  // only affects Url()
};

class Listener {
 public:
  // Called on `shard`'s thread with each accepted socket; returns the connection to serve, or
  // nullptr to drop it.
  using MakeConnection =
      std::function<std::unique_ptr<Connection>(Shard& shard, SocketFd socket, Peer peer)>;

  // Binds and listens; Start begins accepting. Shards outlive the listener. Throws std::runtime_error,
  // which names the address.
  Listener(const ListenOptions& options, std::vector<std::unique_ptr<Shard>>& shards,
           MakeConnection make);
  ~Listener();

  void Start();
  // Stops accepting; connections in the kernel's backlog are reset. Threads: any.
  void Stop();
  uint16_t port() const { return port_; }
  // The number of pauses of 100 ms because the process had no file descriptors or memory. Threads: any.
  uint64_t pauses() const { return pauses_.value(); }
  // "http://127.0.0.1:8000", "unix:/run/parley.sock", or "fd://3" for an inherited Unix socket.
  std::string Url() const;

 private:
  struct Socket;  // one listening socket on one shard
  // Identifies the file of a Unix socket, so that a socket that another server has created since at the
  // same path is not removed.
  struct FileId {
    uint64_t device = 0, inode = 0;
    bool operator==(const FileId&) const = default;
  };
  static FileId FileIdOf(const std::string& path);
  void Pause(Socket& socket, int error);

  void Accept(Socket& socket);
  void Serve(Shard& shard, SocketFd fd, Peer peer);

  const ListenOptions options_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  MakeConnection make_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  FileId unix_file_;
  uint16_t port_ = 0;
  Counter pauses_;
  std::atomic<unsigned> next_shard_{0};  // for sockets whose connections are assigned in turn
};

}  // namespace parley
