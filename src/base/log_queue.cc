#include "base/log_queue.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace parley::log {

Queue::Queue(int fd, size_t limit_bytes) : state_(std::make_shared<State>()) {
  state_->fd = fd;
  state_->limit = limit_bytes;
  std::thread([state = state_] { Run(*state); }).detach();
}

Queue::~Queue() {
  State& state = *state_;
  const MutexLock lock(state.mutex);
  state.stopped = true;
  state.work.NotifyOne();
}

void Queue::Push(std::string_view line) {
  State& state = *state_;
  {
    const MutexLock lock(state.mutex);
    if (state.lines.size() + line.size() > state.limit) {
      state.dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    state.lines.append(line);
    if (state.writing) return;
  }
  state.work.NotifyOne();
}

bool Queue::Flush(std::chrono::milliseconds limit) {
  State& state = *state_;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const MutexLock lock(state.mutex);
  while (!state.lines.empty() || state.writing) {
    if (!state.done.WaitUntil(state.mutex, deadline)) return state.lines.empty() && !state.writing;
  }
  return true;
}

void Queue::Write(State& state, std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t n = ::write(state.fd, lines.data(), lines.size());
    if (n > 0) {
      lines.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd wait{.fd = state.fd, .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, -1);
    } else if (n == 0 || errno != EINTR) {
      // The disk is full or the reader is gone: these lines are lost, and later ones are tried again.
      const auto lost = static_cast<uint64_t>(std::ranges::count(lines, '\n'));
      state.dropped.fetch_add(lost, std::memory_order_relaxed);
      return;
    }
  }
}

void Queue::Run(State& state) {
  MutexLock lock(state.mutex);
  while (true) {
    while (!state.stopped && state.lines.empty()) state.work.Wait(state.mutex);
    if (state.lines.empty()) return;
    std::string lines;
    lines.swap(state.lines);
    state.writing = true;
    lock.Unlock();
    Write(state, lines);
    lock.Lock();
    state.writing = false;
    if (state.lines.empty()) state.done.NotifyAll();
  }
}

}  // namespace parley::log
