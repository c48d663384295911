// A bounded queue of log lines, and the thread that writes them to a file descriptor. Push never waits
// for the descriptor: while it blocks, lines beyond the limit are dropped and counted.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

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
  struct State {  // shared with the writer, which can outlive the queue
    std::mutex mutex;
    std::condition_variable work, done;
    std::string lines;     // guarded by mutex; queued lines
    bool writing = false;  // guarded by mutex; true while the writer holds unwritten lines
    bool stopped = false;  // guarded by mutex
    std::atomic<uint64_t> dropped{0};
    int fd;
    size_t limit;
  };
  static void Write(State& state, std::string_view lines);
  static void Run(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
};

}  // namespace parley::log
