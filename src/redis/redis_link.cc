#include "redis/redis_link.h"

#include <chrono>
#include <optional>

#include "base/log.h"
#include "redis/io_loop.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kOpenWithin{3000};
constexpr milliseconds kFirstPause{100}, kLongestPause{2000};

}  // namespace

RedisLink::RedisLink(boost::asio::io_context& io, RedisAddress address, std::string name,
                     Counter& failures)
    : io_(io),
      address_(std::move(address)),
      name_(std::move(name)),
      failures_(failures),
      pause_(io) {}

boost::asio::awaitable<void> RedisLink::Run(Work work) {
  using Steady = std::chrono::steady_clock;
  milliseconds pause = kFirstPause;
  while (!stopping_) {
    std::optional<Steady::time_point> opened;
    try {
      connection_ = std::make_shared<RedisConnection>(io_.get_executor());
      co_await connection_->Open(address_, kOpenWithin);
      complained_of_unexpected_ = false;
      if (std::exchange(complained_, false)) {
        log::info("redis connected for={} at={}", name_, connection_->endpoint().ToString());
      }
      opened = Steady::now();
      co_await work(connection_);
    } catch (const RedisFailure& failure) {
      Complain(failure.what(), true);
    } catch (const std::exception& failure) {
      Complain(failure.what(), false);
    }
    if (connection_) connection_->Close();
    if (stopping_) break;
    // Without this, a server that accepts connections and then fails would be tried ten times a second.
    if (opened && Steady::now() - *opened > kLongestPause) pause = kFirstPause;
    std::uniform_int_distribution<int64_t> jitter(pause.count() / 2, pause.count());
    co_await Sleep(pause_, milliseconds(jitter(random_)));
    pause = std::min(2 * pause, kLongestPause);
  }
}

void RedisLink::Complain(const char* what, bool expected) {
  if (!expected) failures_.Add();
  if (stopping_ || std::exchange(expected ? complained_ : complained_of_unexpected_, true)) return;
  if (expected) {
    log::warn("redis connection failed for={} error={}", name_, what);
  } else {
    log::error("redis connection failed unexpectedly for={} error={}", name_, what);
  }
}

void RedisLink::Reconnect() {
  if (connection_) connection_->Close();
}

void RedisLink::Stop() {
  stopping_ = true;
  pause_.cancel();
  if (connection_) connection_->Close();
}

}  // namespace parley
