// Reports which of many sockets are ready, with one epoll descriptor that the event loop waits for like
// for a socket. Each socket is registered once, edge-triggered: reading needs no further epoll_ctl, writing
// one at most, and a registered socket takes no memory outside the kernel.
//
// Edge-triggered: a change is reported once. The receiver remembers it until a call on the socket has
// returned EAGAIN (epoll(7)).
//
// Fairness: at most kEventsPerTurn sockets are reported per event loop iteration; the others follow in the
// next one, after the tasks that were posted meanwhile.
//
// Threads: the event loop's.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>

#include "base/unique_function.h"

namespace parley {

struct Readiness {
  bool readable = false;
  bool writable = false;
  // The peer has closed its sending side, or the connection has failed: reads return what is left, and
  // then the end or the error. It is not reported again.
  bool ended = false;
};

class Reactor {
 public:
  static constexpr int kEventsPerTurn = 256;
  using OnReady = UniqueFunction<void(uint64_t key, Readiness readiness)>;

  // Throws std::system_error if the process has no file descriptors left.
  Reactor(boost::asio::io_context& io, OnReady on_ready);

  // Reports under this key when the socket is readable, until it is closed; also if it is readable now.
  // Changes that were read from the kernel before the close are still reported: the key must not be
  // used for another socket. Returns false, with errno, if the kernel refuses.
  bool Add(int socket, uint64_t key);
  // Reports from now on also when the socket is writable. It is a call of its own because Unix sockets
  // report that after each write which the peer has read.
  bool AddWritable(int socket, uint64_t key);

 private:
  void Wait();
  void Report();

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> epoll_;
  OnReady on_ready_;
};

}  // namespace parley
