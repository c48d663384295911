#include "cache/circuit_breaker.h"

#include <algorithm>

namespace parley {

tl::expected<CircuitBreaker::Ticket, CircuitBreaker::Refusal> CircuitBreaker::Admit(Monotonic now) {
  const MutexLock lock(mutex_);
  if (pause_ > Duration(0)) {
    // After the pause, a request in progress is the probe, or a rest of the failure.
    if (now < paused_until_ || !in_progress_.empty()) return tl::make_unexpected(Refusal::kPaused);
  } else if (!in_progress_.empty() && now - in_progress_.begin()->second >= options_.slow) {
    return tl::make_unexpected(Refusal::kSlow);
  }
  if (in_progress_.size() >= options_.most_at_once) return tl::make_unexpected(Refusal::kFull);
  in_progress_.emplace(next_, now);
  return next_++;
}

void CircuitBreaker::Succeeded(Ticket ticket) {
  const MutexLock lock(mutex_);
  in_progress_.erase(ticket);
  pause_ = Duration(0);
}

bool CircuitBreaker::Failed(Ticket ticket, Monotonic now) {
  const MutexLock lock(mutex_);
  in_progress_.erase(ticket);
  if (pause_ > Duration(0) && now < paused_until_) return false;
  pause_ = pause_ == Duration(0) ? options_.first_pause
                                 : std::min<Duration>(2 * pause_, options_.longest_pause);
  paused_until_ = now + pause_;
  return true;
}

bool CircuitBreaker::closed() const {
  const MutexLock lock(mutex_);
  return pause_ == Duration(0);
}

}  // namespace parley
