#include "net/reactor.h"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace parley {
namespace {

constexpr uint32_t kReading = EPOLLIN | EPOLLRDHUP | EPOLLET;

int NewEpoll() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

}  // namespace

Reactor::Reactor(boost::asio::io_context& io, OnReady on_ready)
    : epoll_(io, NewEpoll()), on_ready_(std::move(on_ready)) {
  Wait();
}

bool Reactor::Add(int socket, uint64_t key) {
  epoll_event event{.events = kReading, .data = {.u64 = key}};
  return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket, &event) == 0;
}

bool Reactor::AddWritable(int socket, uint64_t key) {
  epoll_event event{.events = kReading | EPOLLOUT, .data = {.u64 = key}};
  return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_MOD, socket, &event) == 0;
}

void Reactor::Wait() {
  epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (error) return;
                      Report();
                      // Wakes up again at once if sockets are left.
                      Wait();
                    });
}

void Reactor::Report() {
  epoll_event events[kEventsPerTurn];
  const int count = ::epoll_wait(epoll_.native_handle(), events, kEventsPerTurn, 0);
  for (int i = 0; i < count; ++i) {
    const uint32_t found = events[i].events;
    const bool ended = (found & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    on_ready_(events[i].data.u64, {.readable = ended || (found & EPOLLIN) != 0,
                                   .writable = ended || (found & EPOLLOUT) != 0,
                                   .ended = ended});
  }
}

}  // namespace parley
