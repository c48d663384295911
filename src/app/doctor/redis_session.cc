#include "app/doctor/redis_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace parley::doctor {
namespace {

namespace asio = boost::asio;

// Runs the coroutine to its end and returns its result, or throws its exception.
template <class T>
T RunToEnd(asio::io_context& io, asio::awaitable<T> work) {
  auto future = asio::co_spawn(io, std::move(work), asio::use_future);
  io.restart();
  io.run();
  return future.get();
}

}  // namespace

RedisSession::RedisSession(const RedisAddress& address, RedisConnection::Wait within)
    : connection_(io_.get_executor()), within_(within) {
  RunToEnd(io_, connection_.Open(address, within));
}

RedisReply RedisSession::Call(const std::vector<std::string_view>& words) {
  return RunToEnd(io_, connection_.Call(words, within_));
}

std::string RedisSession::Text(const std::vector<std::string_view>& words) {
  const RedisReply reply = Call(words);
  return reply->str == nullptr ? "" : std::string(TextOf(*reply));
}

RedisReply RedisSession::Next(RedisConnection::Wait within) {
  try {
    return RunToEnd(io_, connection_.Read(within));
  } catch (const RedisFailure&) {
    if (connection_.closed()) return nullptr;
    throw;
  }
}

}  // namespace parley::doctor
