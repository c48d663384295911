#include "redis/io_loop.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace parley {

boost::asio::awaitable<bool> Sleep(boost::asio::steady_timer& timer,
                                   boost::asio::steady_timer::duration time) {
  timer.expires_after(time);
  boost::system::error_code cancelled;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, cancelled);
  co_await timer.async_wait(token);
  co_return !cancelled;
}

boost::asio::awaitable<void> PollWhile(boost::asio::io_context& io,
                                       std::function<bool()> condition) {
  boost::asio::steady_timer timer(io);
  while (condition()) co_await Sleep(timer, std::chrono::milliseconds(5));
}

void RunThroughFailures(boost::asio::io_context& io, Counter& failures, std::string_view message) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& failure) {
      failures.Add();
      log::error("{} error={}", message, failure.what());
    }
  }
}

}  // namespace parley
