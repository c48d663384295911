#include "bus/redis_subscriber.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "bus/channels.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};     // a write
constexpr milliseconds kPingEvery{2000};  // so that silence means that the connection is dead
constexpr milliseconds kSilence{6000};
constexpr size_t kChannelsAtOnce = 500;

}  // namespace

// Writes to the connection while Work reads from it.
struct RedisSubscriber::Writer {
  RedisLink::Connection connection;
  boost::asio::steady_timer sleeper;
  bool asleep = false;

  void Wake() {
    if (std::exchange(asleep, false)) sleeper.cancel();
  }
};

RedisSubscriber::RedisSubscriber(boost::asio::io_context& io, const RedisAddress& address,
                                 BusCounters& counters, std::function<void(bool up)> on_connection)
    : io_(io),
      counters_(counters),
      on_connection_(std::move(on_connection)),
      link_(io, address, "listening") {}

void RedisSubscriber::Want(const Uuid& conversation, bool follow) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = wishes_.empty();
    wishes_.emplace_back(conversation, follow);
  }
  if (first) boost::asio::post(io_, [this] { TakeWishes(); });
}

void RedisSubscriber::TakeWishes() {
  std::vector<std::pair<Uuid, bool>> wishes;
  {
    const std::lock_guard lock(mutex_);
    wishes.swap(wishes_);
  }
  for (const auto& [conversation, follow] : wishes) {
    if (follow) {
      followed_.insert(conversation);
    } else {
      followed_.erase(conversation);
    }
    unsaid_[conversation] = follow;
  }
  if (writer_) writer_->Wake();
}

boost::asio::awaitable<void> RedisSubscriber::Run() {
  RedisLink::Work work = [this](RedisLink::Connection connection) {
    return Work(std::move(connection));
  };
  co_await link_.Run(std::move(work));
}

boost::asio::awaitable<void> RedisSubscriber::Work(RedisLink::Connection connection) {
  unsaid_.clear();
  for (const Uuid& conversation : followed_) unsaid_[conversation] = true;
  writer_ = std::make_shared<Writer>(connection, boost::asio::steady_timer(io_));
  boost::asio::co_spawn(io_, Write(writer_), boost::asio::detached);
  bool up = false;
  try {
    for (;;) {
      std::vector<BusDelivery> deliveries;
      std::vector<Uuid> followed;
      RedisReply reply = co_await connection->Read(kSilence);
      for (; reply; reply = connection->ReadBuffered()) {
        Sort(std::move(reply), deliveries, followed);
      }
      if (!std::exchange(up, true)) on_connection_(true);
      if (!deliveries.empty()) receiver_->OnDeliveries(std::move(deliveries));
      if (!followed.empty()) receiver_->OnFollowed(std::move(followed));
    }
  } catch (const RedisFailure&) {
    connection->Close();
    writer_->Wake();
    writer_.reset();
    if (up) on_connection_(false);
    throw;
  }
}

void RedisSubscriber::Sort(RedisReply reply, std::vector<BusDelivery>& deliveries,
                           std::vector<Uuid>& followed) {
  if (reply->type == REDIS_REPLY_ERROR) {
    throw RedisFailure("Redis refuses to subscribe: " + std::string(TextOf(*reply)));
  }
  // ["message", channel, bytes] | ["subscribe" | "unsubscribe", channel, count] | ["pong", ""]
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return;
  const std::string_view what = TextOf(*reply->element[0]);
  const std::string_view channel = TextOf(*reply->element[1]);
  const auto conversation = ConversationOf(channel);
  if (!conversation && channel != kNodesChannel) return;
  if (what == "message") {
    counters_.received.Add();
    deliveries.push_back({conversation, std::string(TextOf(*reply->element[2]))});
  } else if (what == "subscribe" && conversation) {
    followed.push_back(*conversation);
  }
}

std::string RedisSubscriber::NextCommand() {
  if (unsaid_.empty()) return {};
  const bool follow = unsaid_.begin()->second;
  std::vector<std::string> channels;
  for (auto at = unsaid_.begin(); at != unsaid_.end() && channels.size() < kChannelsAtOnce;) {
    if (at->second != follow) {
      ++at;
      continue;
    }
    channels.push_back(ChannelOf(at->first));
    at = unsaid_.erase(at);
  }
  std::vector<std::string_view> words{follow ? "SUBSCRIBE" : "UNSUBSCRIBE"};
  words.insert(words.end(), channels.begin(), channels.end());
  counters_.commands.Add();
  return RedisCommand(words);
}

boost::asio::awaitable<void> RedisSubscriber::Write(std::shared_ptr<Writer> writer) {
  try {
    const std::string nodes = RedisCommand({"SUBSCRIBE", kNodesChannel});
    co_await writer->connection->Write(nodes, kWithin);
    const std::string ping = RedisCommand({"PING"});
    while (!writer->connection->closed()) {
      const std::string command = NextCommand();
      if (!command.empty()) {
        co_await writer->connection->Write(command, kWithin);
        continue;
      }
      writer->asleep = true;
      writer->sleeper.expires_after(kPingEvery);
      boost::system::error_code woken;
      auto token = boost::asio::redirect_error(boost::asio::use_awaitable, woken);
      co_await writer->sleeper.async_wait(token);
      writer->asleep = false;
      if (woken || writer->connection->closed()) continue;
      co_await writer->connection->Write(ping, kWithin);
      counters_.commands.Add();
    }
  } catch (const RedisFailure&) {
    writer->connection->Close();  // whoever reads from it learns of it
  }
}

void RedisSubscriber::Stop() {
  link_.Stop();
  if (writer_) writer_->Wake();
}

}  // namespace parley
