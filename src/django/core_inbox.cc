#include "django/core_inbox.h"

#include <boost/asio/use_awaitable.hpp>

#include <span>

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};
constexpr std::string_view kBlockSeconds =
    "5";  // a reply at least this often proves that Redis lives
constexpr milliseconds kBlockWithin{10'000};
constexpr size_t kAtOnce = 100;  // messages of one pop
constexpr std::string_view kAtOnceText = "100";
constexpr milliseconds kPause{5};  // between checks of a congested receiver

}  // namespace

CoreInbox::CoreInbox(boost::asio::io_context& io, const RedisAddress& address, std::string key,
                     LayerCounters& counters, OnBytes on_bytes, std::function<bool()> congested)
    : io_(io),
      key_(std::move(key)),
      counters_(counters),
      on_bytes_(std::move(on_bytes)),
      congested_(std::move(congested)),
      link_(io, address, "channel layer inbox", counters.failures) {}

boost::asio::awaitable<void> CoreInbox::Run() {
  RedisLink::Work work = [this](RedisLink::Connection connection) {
    return Work(std::move(connection));
  };
  co_await link_.Run(std::move(work));
}

boost::asio::awaitable<void> CoreInbox::Work(RedisLink::Connection connection) {
  const std::vector<std::string_view> pop{"ZPOPMIN", key_, kAtOnceText};
  const std::vector<std::string_view> wait{"BZPOPMIN", key_, kBlockSeconds};
  for (;;) {
    if (congested_()) co_await WaitForRoom(*connection);
    const RedisReply batch = co_await connection->Call(pop, kWithin);
    if (batch->type != REDIS_REPLY_ARRAY) throw RedisFailure("unexpected reply to ZPOPMIN");
    if (Deliver({batch->element, batch->elements}) == kAtOnce) continue;
    if (congested_()) continue;
    const RedisReply next = co_await connection->Call(wait, kBlockWithin);  // [key, member, score]
    if (next->type == REDIS_REPLY_NIL) continue;
    if (next->type != REDIS_REPLY_ARRAY || next->elements != 3) {
      throw RedisFailure("unexpected reply to BZPOPMIN");
    }
    Deliver({next->element + 1, 2});
  }
}

// `pairs`: member, score, member, score, …
size_t CoreInbox::Deliver(std::span<redisReply* const> pairs) {
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (pairs[i]->type == REDIS_REPLY_STRING) on_bytes_(TextOf(*pairs[i]));
  }
  return pairs.size() / 2;
}

boost::asio::awaitable<void> CoreInbox::WaitForRoom(RedisConnection& connection) {
  counters_.pauses.Add();
  boost::asio::steady_timer timer(io_);
  while (congested_() && !connection.closed()) {
    timer.expires_after(kPause);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
}

}  // namespace parley::django
