#include "store/log_follower.h"

namespace parley {
namespace {

constexpr auto kRetryWithin = std::chrono::seconds(2);

}  // namespace

LogFollower::LogFollower(Options options, Timestamp now, unsigned seed)
    : options_(options), random_(seed), requested_(options.on_request, seed), last_complete_(now) {}

std::optional<LogQuery> LogFollower::Begin(Monotonic now, Timestamp time) {
  if (reading_) return std::nullopt;
  if (!requested_.TakeDue(now)) {
    if (now < next_) return std::nullopt;
    requested_.MarkRun(now);
  }
  std::uniform_int_distribution<int64_t> jitter(0, options_.every.count() / 4);
  next_ = now + options_.every - Duration(jitter(random_));
  reading_ = true;
  round_began_ = time;
  query_ = {.from = position_,
            .since = {last_complete_.micros - options_.margin.count()},
            .limit = options_.page_rows};
  return query_;
}

LogFollower::Progress LogFollower::OnPage(const LogPage& page) {
  if (page.stale) {
    query_.from.reset();
    query_.until.reset();
    query_.after = {};
    return {query_, false};
  }
  if (!query_.until) query_.until = page.position;
  if (page.more) {
    query_.after = page.last;
    return {query_, false};
  }
  const bool restarted = !query_.from;
  position_ = std::move(query_.until);
  last_complete_ = round_began_;
  reading_ = false;
  return {std::nullopt, restarted};
}

void LogFollower::OnFailure(Monotonic now) {
  reading_ = false;
  next_ = std::min(next_, now + std::min<Duration>(options_.every, kRetryWithin));
}

}  // namespace parley
