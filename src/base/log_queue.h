// A bounded queue of log lines and the thread that writes them to a descriptor. Push never waits for
// the descriptor: while it takes nothing, lines beyond the limit are dropped and counted.
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
  // `fd` stays the caller's.
  Queue(int fd, size_t limit_bytes);
  // Does not wait for a writer that is stuck in the descriptor; what is queued is lost.
  ~Queue();

  // A whole line with its newline. Any thread.
  void Push(std::string_view line);
  // True when all is written within `limit`.
  bool Flush(std::chrono::milliseconds limit);
  uint64_t dropped() const { return state_->dropped.load(std::memory_order_relaxed); }

 private:
  struct State {  // shared with the writer, which may outlive the queue
    std::mutex mutex;
    std::condition_variable work, done;
    std::string lines;     // guarded by mutex; what waits
    bool writing = false;  // guarded by mutex; the writer holds lines that are not out yet
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
