#include "redis/redis_link.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kOpenWithin{3000};
constexpr milliseconds kFirstPause{100}, kLongestPause{2000};

}  // namespace

RedisLink::RedisLink(boost::asio::io_context& io, RedisAddress address, std::string name)
    : io_(io), address_(std::move(address)), name_(std::move(name)), pause_(io) {}

boost::asio::awaitable<void> RedisLink::Run(Work work) {
  milliseconds pause = kFirstPause;
  bool complained = false;
  while (!stopping_) {
    connection_ = std::make_shared<RedisConnection>(io_.get_executor());
    try {
      co_await connection_->Open(address_, kOpenWithin);
      if (complained) {
        log::info("redis is back for={} at={}", name_, connection_->endpoint().ToString());
      }
      complained = false;
      pause = kFirstPause;
      co_await work(connection_);
    } catch (const RedisFailure& failure) {
      if (!stopping_ && !std::exchange(complained, true)) {
        log::warn("redis failed for={} error={}", name_, failure.what());
      }
    }
    connection_->Close();
    if (stopping_) break;
    std::uniform_int_distribution<int64_t> jitter(pause.count() / 2, pause.count());
    pause_.expires_after(milliseconds(jitter(random_)));
    boost::system::error_code ignored;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, ignored);
    co_await pause_.async_wait(token);
    pause = std::min(2 * pause, kLongestPause);
  }
}

void RedisLink::Stop() {
  stopping_ = true;
  pause_.cancel();
  if (connection_) connection_->Close();
}

}  // namespace parley
