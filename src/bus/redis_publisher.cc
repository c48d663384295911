#include "bus/redis_publisher.h"

#include <boost/asio/post.hpp>

#include "redis/io_loop.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};  // for a write, and for each reply
constexpr milliseconds kIdle{2000};    // idle time after which the connection is probed

}  // namespace

RedisPublisher::RedisPublisher(boost::asio::io_context& io, const RedisAddress& address,
                               BusCounters& counters, std::function<void(bool up)> on_connection,
                               std::function<void()> on_replica)
    : io_(io),
      counters_(counters),
      on_connection_(std::move(on_connection)),
      on_replica_(std::move(on_replica)),
      link_(io, address, "publishing", counters.failures),
      sleeper_(io) {}

void RedisPublisher::Publish(std::string_view channel, std::string_view bytes) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    if (!connected_ || queued_.commands.size() + bytes.size() > kQueueBytes) {
      return counters_.dropped.Add();
    }
    queued_.commands += RedisCommand({"PUBLISH", channel, bytes});
    ++queued_.count;
    wake = std::exchange(asleep_, false);
  }
  if (wake) boost::asio::post(io_, [this] { sleeper_.cancel(); });
}

RedisPublisher::Batch RedisPublisher::Take() {
  const MutexLock lock(mutex_);
  asleep_ = queued_.count == 0;
  return std::exchange(queued_, {});
}

void RedisPublisher::DropQueued() {
  const MutexLock lock(mutex_);
  connected_ = false;
  counters_.dropped.Add(queued_.count);
  queued_ = {};
}

boost::asio::awaitable<void> RedisPublisher::Run() {
  RedisLink::Work work = [this](RedisLink::Connection connection) {
    return Work(std::move(connection));
  };
  co_await link_.Run(std::move(work));
}

boost::asio::awaitable<void> RedisPublisher::Work(RedisLink::Connection connection) {
  {
    const MutexLock lock(mutex_);
    connected_ = true;
  }
  on_connection_(true);
  next_ask_ = {};
  size_t under_way = 0;
  std::exception_ptr failed;
  try {
    co_await PublishAll(*connection, under_way);
  } catch (const RedisIsReplica&) {
    failed = std::current_exception();
    on_replica_();
  } catch (...) {
    failed = std::current_exception();
  }
  counters_.dropped.Add(under_way);
  counters_.redis.Remove(connection->endpoint().ToString());
  DropQueued();
  on_connection_(false);
  std::rethrow_exception(failed);
}

boost::asio::awaitable<void> RedisPublisher::PublishAll(RedisConnection& connection,
                                                        size_t& under_way) {
  for (;;) {
    Batch batch = Take();
    if (batch.count == 0) {
      const bool idle = co_await Sleep(sleeper_, kIdle);
      const bool probe = std::exchange(probe_, false);
      if (idle || probe || connection.closed()) co_await AskAboutRedis(connection);
      continue;
    }
    under_way = batch.count;
    co_await connection.Write(batch.commands, kWithin);
    for (; under_way > 0; --under_way) {
      const RedisReply reply = co_await connection.Read(kWithin);
      if (reply->type != REDIS_REPLY_INTEGER) {
        throw RedisFailure("Redis rejected PUBLISH: " + std::string(TextOf(*reply)));
      }
    }
    counters_.published.Add(batch.count);
    counters_.commands.Add(batch.count);
    if (std::chrono::steady_clock::now() >= next_ask_) co_await AskAboutRedis(connection);
  }
}

boost::asio::awaitable<void> RedisPublisher::AskAboutRedis(RedisConnection& connection) {
  counters_.commands.Add();
  if (std::chrono::steady_clock::now() < next_ask_) {
    const std::vector<std::string_view> ping{"PING"};
    co_await connection.Call(ping, kWithin);
    co_return;
  }
  next_ask_ = std::chrono::steady_clock::now() + RedisInfoTable::kAskEvery;
  const std::vector<std::string_view> info{"INFO"};
  const RedisReply reply = co_await connection.Call(info, kWithin);
  RequireMaster(connection.endpoint(), *reply);
  counters_.redis.Set(connection.endpoint().ToString(), ParseRedisInfo(TextOf(*reply)),
                      std::chrono::steady_clock::now());
}

void RedisPublisher::Probe() {
  probe_ = true;
  sleeper_.cancel();
}

void RedisPublisher::Stop() {
  link_.Stop();
  sleeper_.cancel();
}

}  // namespace parley
