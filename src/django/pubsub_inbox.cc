#include "django/pubsub_inbox.h"

#include <functional>
#include <span>

#include "redis/io_loop.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kInboxSilence{6000};

}  // namespace

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
  RedisWriter::Commands commands{
      .next = [this] { return SubscribeCommand(pending_, std::identity()); },
      .keep_alive = [] { return RedisCommand({"PING"}); }};
  writer_ =
      RedisWriter::Start(io_, connection, "subscribing", counters_.failures, std::move(commands));
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
    if (congested_()) {
      counters_.pauses.Add();
      co_await PollWhile(io_, [&] { return congested_() && !connection.closed(); });
    }
    RedisReply reply = co_await connection.Read(kInboxSilence);
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

void PubSubInbox::Stop() {
  link_.Stop();
  if (writer_) writer_->Wake();
}

}  // namespace parley::django
