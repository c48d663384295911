#include "net/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/log.h"

namespace parley {
namespace {

// Maximum unsent bytes that the kernel buffers per connection; beyond it, writes wait and the
// outbox fills, which is counted (tcp(7) TCP_NOTSENT_LOWAT).
constexpr int kUnsentBytes = 128 * 1024;
// The pause in accepting after the process has run out of file descriptors or memory; until then,
// clients wait in the kernel's backlog.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

[[noreturn]] void Refuse(const std::string& where, int error) {
  throw std::runtime_error("cannot listen on " + where + ": " + std::strerror(error));
}

void SetOption(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// Accepted sockets inherit these.
void SetTcpOptions(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address Resolve(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                  std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    throw std::runtime_error("cannot listen on " + host + ": " + ::gai_strerror(error));
  }
  Address address;
  address.size = found->ai_addrlen;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

// `unix_mode`: the mode of the Unix socket's file. Clients cannot connect before it is set.
int Listen(Address address, bool reuse_port, int backlog, const std::string& where,
           unsigned unix_mode = 0) {
  const int fd = ::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) Refuse(where, errno);
  if (address.get()->sa_family != AF_UNIX) {
    SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (reuse_port) SetOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    SetTcpOptions(fd);
  }
  const auto* const path = reinterpret_cast<const sockaddr_un*>(address.get())->sun_path;
  if (::bind(fd, address.get(), address.size) != 0 ||
      (unix_mode != 0 && ::chmod(path, unix_mode) != 0) || ::listen(fd, backlog) != 0) {
    const int error = errno;
    ::close(fd);
    Refuse(where, error);
  }
  return fd;
}

uint16_t BoundPort(int fd) {
  Address address;
  address.size = sizeof address.storage;
  ::getsockname(fd, address.get(), &address.size);
  if (address.storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
  }
  if (address.storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port);
  }
  return 0;
}

void SetPort(Address& address, uint16_t port) {
  if (address.storage.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  } else if (address.storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
  }
}

int ListenOnPath(const std::string& path, unsigned mode, int backlog) {
  Address address;
  auto* name = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof name->sun_path) Refuse("unix:" + path, ENAMETOOLONG);
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, path.c_str(), path.size() + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  struct stat file;
  if (::lstat(path.c_str(), &file) == 0 && !S_ISSOCK(file.st_mode)) {
    throw std::runtime_error("cannot listen on unix:" + path +
                             ": the file exists and is not a socket");
  }
  // Removes the socket of a killed process; a socket that accepts connections belongs to a running
  // server.
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = ::connect(probe, address.get(), address.size) == 0;
  const int error = errno;
  ::close(probe);
  if (answered) Refuse("unix:" + path, EADDRINUSE);
  if (error == ECONNREFUSED) ::unlink(path.c_str());
  return Listen(address, false, backlog, "unix:" + path, mode);
}

Peer PeerAt(Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return {text, (ntohl(v4->sin_addr.s_addr) >> 24) == 127};
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      const std::string_view v4 = std::string_view(text).substr(7);  // after ::ffff:
      return {std::string(v4), v4.starts_with("127.")};
    }
    return {text, IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) != 0};
  }
  return {"", true};
}

}  // namespace

struct Listener::Socket {
  Socket(Shard& owner, int fd, bool deal)
      : shard(owner), descriptor(owner.io(), fd), pause(owner.io()), deal_out(deal) {}
  Shard& shard;
  boost::asio::posix::stream_descriptor descriptor;
  boost::asio::steady_timer pause;
  bool deal_out;
  std::atomic<bool> stopped{false};
  bool paused = false;  // since the last accepted connection
};

Listener::Listener(const ListenOptions& options, std::vector<std::unique_ptr<Shard>>& shards,
                   MakeConnection make)
    : options_(options), shards_(shards), make_(std::move(make)) {
  if (options_.inherited_fd >= 0) {
    const int fd = options_.inherited_fd;
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
      throw std::runtime_error("--fd " + std::to_string(fd) + " is not a listening socket");
    }
    // The parent may have left it blocking and inheritable.
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    port_ = BoundPort(fd);
    if (port_ != 0) SetTcpOptions(fd);
    sockets_.push_back(std::make_unique<Socket>(*shards_.front(), fd, true));
  } else if (!options_.unix_path.empty()) {
    const int fd = ListenOnPath(options_.unix_path, options_.unix_mode, options_.backlog);
    unix_file_ = FileIdOf(options_.unix_path);
    sockets_.push_back(std::make_unique<Socket>(*shards_.front(), fd, true));
  } else {
    Address address = Resolve(options_.host, options_.port);
    const std::string where = options_.host + ":" + std::to_string(options_.port);
    // First binds without SO_REUSEPORT: a port of another server must cause an error, not share its
    // traffic.
    const int probe = Listen(address, false, 1, where);
    port_ = BoundPort(probe);
    ::close(probe);
    SetPort(address, port_);
    for (const auto& shard : shards_) {
      const int fd = Listen(address, true, options_.backlog, where);
      sockets_.push_back(std::make_unique<Socket>(*shard, fd, false));
    }
  }
}

Listener::~Listener() {
  const std::string& path = options_.unix_path;
  if (!path.empty() && FileIdOf(path) == unix_file_) ::unlink(path.c_str());
}

Listener::FileId Listener::FileIdOf(const std::string& path) {
  struct stat file;
  if (::lstat(path.c_str(), &file) != 0) return {};
  return {file.st_dev, file.st_ino};
}

std::string Listener::Url() const {
  if (!options_.unix_path.empty()) return "unix:" + options_.unix_path;
  if (options_.inherited_fd >= 0 && port_ == 0) {
    return "fd://" + std::to_string(options_.inherited_fd);
  }
  std::string host = options_.host;
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "localhost";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return (options_.tls ? "https://" : "http://") + host + ":" + std::to_string(port_);
}

void Listener::Start() {
  for (const auto& socket : sockets_) {
    socket->shard.Post([this, s = socket.get()] { Accept(*s); });
  }
}

void Listener::Stop() {
  for (const auto& socket : sockets_) {
    socket->stopped = true;
    socket->shard.Post([s = socket.get()] {
      boost::system::error_code ignored;
      s->descriptor.close(ignored);
      s->pause.cancel();
    });
  }
}

void Listener::Accept(Socket& socket) {
  socket.descriptor.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, &socket](const boost::system::error_code& error) {
        if (error || socket.stopped) return;
        for (int i = 0; i < 64; ++i) {
          Address address;
          address.size = sizeof address.storage;
          SocketFd fd(::accept4(socket.descriptor.native_handle(), address.get(), &address.size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
          if (fd.get() < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
              return Pause(socket, errno);
            }
            break;
          }
          if (std::exchange(socket.paused, false)) log::info("accept resumed");
          if (!socket.deal_out) {
            Serve(socket.shard, std::move(fd), PeerAt(address));
            continue;
          }
          Shard& shard = *shards_[next_shard_++ % shards_.size()];
          shard.Post([this, &shard, fd = std::move(fd), peer = PeerAt(address)]() mutable {
            Serve(shard, std::move(fd), std::move(peer));
          });
        }
        Accept(socket);
      });
}

void Listener::Pause(Socket& socket, int error) {
  pauses_.Add();
  if (!std::exchange(socket.paused, true)) {
    log::warn("accept paused reason={}", std::strerror(error));
  }
  socket.pause.expires_after(kAcceptPause);
  socket.pause.async_wait([this, &socket](const boost::system::error_code& stopped) {
    if (!stopped && !socket.stopped) Accept(socket);
  });
}

void Listener::Serve(Shard& shard, SocketFd fd, Peer peer) {
  auto connection = make_(shard, std::move(fd), std::move(peer));
  if (connection != nullptr) shard.Adopt(std::move(connection)).Start();
}

}  // namespace parley
