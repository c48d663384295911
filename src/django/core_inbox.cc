#include "django/core_inbox.h"

#include <span>

#include "redis/io_loop.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};
constexpr std::string_view kBlockSeconds =
    "5";  // a reply at least this often proves that Redis lives
constexpr milliseconds kBlockWithin{10'000};
constexpr size_t kAtOnce = 100;  // messages of one pop
constexpr std::string_view kAtOnceText = "100";

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
    if (congested_()) {
      counters_.pauses.Add();
      co_await PollWhile(io_, [&] { return congested_() && !connection->closed(); });
    }
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

}  // namespace parley::django
