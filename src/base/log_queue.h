// A bounded queue of log lines, and the thread that writes them to a file descriptor. Push never waits
// for the descriptor: while it blocks, lines beyond the limit are dropped and counted.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace parley::log {

class Queue {
 public:
  // The caller keeps ownership of `fd`.
  Queue(int fd, size_t limit_bytes);
  // Does not wait for a blocked writer; queued lines are then lost.
  ~Queue();

  // Appends a complete line with its newline. Threads: any.
  void Push(std::string_view line);
  // Returns true if all lines were written within `limit`.
  bool Flush(std::chrono::milliseconds limit);
  uint64_t dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

 private:
  struct State {  // shared with the writer, which may outlive the queue
    Mutex mutex;
    CondVar work, done;
    std::string lines GUARDED_BY(mutex);     // queued lines
    bool writing GUARDED_BY(mutex) = false;  // the writer holds unwritten lines
    bool stopped GUARDED_BY(mutex) = false;
    std::atomic<uint64_t> dropped{0};
    int fd;
    size_t limit;
  };
  static void Write(State& state, std::string_view lines);
  static void Run(State& state);

  const std::shared_ptr<State> state_;
};

}  // namespace parley::log
