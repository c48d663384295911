// SIGINT and SIGTERM while a benchmark runs: the first sets a flag, so that the benchmark ends cleanly; the
// second has its usual effect. Threads: the handlers may run in any; one object at a time.
#pragma once
#include <signal.h>

#include <atomic>

namespace parley::bench {

class Interrupt {
 public:
  Interrupt() {
    struct sigaction action{};
    action.sa_handler = [](int signal) {
      ::signal(SIGINT, SIG_DFL);
      ::signal(SIGTERM, SIG_DFL);
      signal_ = signal;
      flag_ = true;
    };  // without SA_RESTART: waiting calls return
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
  }
  ~Interrupt() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& flag() const { return flag_; }
  // As of a process that the signal ended.
  int ExitCode() const { return 128 + signal_; }

 private:
  static inline std::atomic<bool> flag_ = false;
  static inline std::atomic<int> signal_ = 0;
  struct sigaction old_int_{}, old_term_{};
};

}  // namespace parley::bench
