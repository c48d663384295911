#include "django/pubsub_inbox.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <span>

#include "base/log.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};     // for a write
constexpr milliseconds kPingEvery{2000};  // so that silence proves that the connection is dead
constexpr milliseconds kSilence{6000};
constexpr size_t kChannelsAtOnce = 500;
constexpr milliseconds kPause{5};  // between checks of a congested receiver

}  // namespace

struct PubSubInbox::Writer {
  RedisLink::Connection connection;
  boost::asio::steady_timer sleeper;
  bool asleep = false;

  void Wake() {
    if (std::exchange(asleep, false)) sleeper.cancel();
  }
};

PubSubInbox::PubSubInbox(boost::asio::io_context& io, const RedisAddress& address,
                         LayerCounters& counters, OnBytes on_bytes, std::function<bool()> congested)
    : io_(io),
      counters_(counters),
      on_bytes_(std::move(on_bytes)),
      congested_(std::move(congested)),
      link_(io, address, "channel layer subscriptions", counters.failures) {}

void PubSubInbox::Subscribe(const std::string& channel) {
  subscribed_.insert(channel);
  Want(channel, true);
}

void PubSubInbox::Unsubscribe(const std::string& channel) {
  subscribed_.erase(channel);
  Want(channel, false);
}

void PubSubInbox::Want(const std::string& channel, bool subscribe) {
  // Without a connection no command is needed: the next one subscribes to all channels.
  if (!writer_) return;
  pending_[channel] = subscribe;
  writer_->Wake();
}

boost::asio::awaitable<void> PubSubInbox::Run() {
  RedisLink::Work work = [this](RedisLink::Connection connection) {
    return Work(std::move(connection));
  };
  co_await link_.Run(std::move(work));
}

boost::asio::awaitable<void> PubSubInbox::Work(RedisLink::Connection connection) {
  if (std::exchange(was_up_, true)) counters_.reconnects.Add();
  pending_.clear();
  for (const std::string& channel : subscribed_) pending_[channel] = true;
  writer_ = std::make_shared<Writer>(connection, boost::asio::steady_timer(io_));
  boost::asio::co_spawn(io_, Write(writer_), boost::asio::detached);
  std::exception_ptr failed;
  try {
    co_await ReadAll(*connection);
  } catch (...) {
    failed = std::current_exception();
  }
  connection->Close();
  writer_->Wake();
  writer_.reset();
  std::rethrow_exception(failed);
}

boost::asio::awaitable<void> PubSubInbox::ReadAll(RedisConnection& connection) {
  for (;;) {
    if (congested_()) co_await WaitForRoom(connection);
    RedisReply reply = co_await connection.Read(kSilence);
    for (; reply; reply = connection.ReadBuffered()) {
      if (reply->type == REDIS_REPLY_ERROR) {
        throw RedisFailure("Redis rejected SUBSCRIBE: " + std::string(TextOf(*reply)));
      }
      Take(*reply);
    }
  }
}

// ["message", channel, bytes]; other replies are confirmations.
void PubSubInbox::Take(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return;
  const std::span words(reply.element, reply.elements);
  const auto is_text = [](const redisReply* word) { return word->type == REDIS_REPLY_STRING; };
  if (!is_text(words[0]) || TextOf(*words[0]) != "message") return;
  if (is_text(words[1]) && is_text(words[2])) on_bytes_(TextOf(*words[1]), TextOf(*words[2]));
}

boost::asio::awaitable<void> PubSubInbox::WaitForRoom(RedisConnection& connection) {
  counters_.pauses.Add();
  boost::asio::steady_timer timer(io_);
  while (congested_() && !connection.closed()) {
    timer.expires_after(kPause);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
}

std::string PubSubInbox::NextCommand() {
  if (pending_.empty()) return {};
  const bool subscribe = pending_.begin()->second;
  std::vector<std::string> channels;
  for (auto at = pending_.begin(); at != pending_.end() && channels.size() < kChannelsAtOnce;) {
    if (at->second != subscribe) {
      ++at;
      continue;
    }
    channels.push_back(at->first);
    at = pending_.erase(at);
  }
  std::vector<std::string_view> words{subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE"};
  words.insert(words.end(), channels.begin(), channels.end());
  return RedisCommand(words);
}

boost::asio::awaitable<void> PubSubInbox::Write(std::shared_ptr<Writer> writer) {
  const RedisLink::Connection connection = writer->connection;
  try {
    const std::string ping = RedisCommand({"PING"});
    while (!connection->closed() && writer_ == writer) {
      const std::string command = NextCommand();
      if (!command.empty()) {
        co_await connection->Write(command, kWithin);
        continue;
      }
      writer->asleep = true;
      writer->sleeper.expires_after(kPingEvery);
      boost::system::error_code woken;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
      co_await writer->sleeper.async_wait(token);
      writer->asleep = false;
      if (!woken && !connection->closed()) co_await connection->Write(ping, kWithin);
    }
  } catch (const RedisFailure&) {
    // The reader of the connection reports the error.
  } catch (const std::exception& failure) {
    counters_.failures.Add();
    log::error("redis connection failed unexpectedly for=subscribing error={}", failure.what());
  }
  connection->Close();
}

void PubSubInbox::Stop() {
  link_.Stop();
  if (writer_) writer_->Wake();
}

}  // namespace parley::django
