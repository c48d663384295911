#include "bus/redis_subscriber.h"

#include <boost/asio/post.hpp>

#include <span>

#include "bus/channels.h"
#include "redis/io_loop.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kSilence{6000};

}  // namespace

RedisSubscriber::RedisSubscriber(boost::asio::io_context& io, const RedisAddress& address,
                                 BusCounters& counters, std::function<void(bool up)> on_connection)
    : io_(io),
      counters_(counters),
      on_connection_(std::move(on_connection)),
      link_(io, address, "subscribing", counters.failures) {}

void RedisSubscriber::Want(const Uuid& conversation, bool follow) {
  bool first = false;
  {
    const MutexLock lock(mutex_);
    first = requests_.empty();
    requests_.emplace_back(conversation, follow);
  }
  if (first) boost::asio::post(io_, [this] { TakeRequests(); });
}

void RedisSubscriber::TakeRequests() {
  std::vector<std::pair<Uuid, bool>> requests;
  {
    const MutexLock lock(mutex_);
    requests.swap(requests_);
  }
  for (const auto& [conversation, follow] : requests) {
    if (follow) {
      followed_.insert(conversation);
    } else {
      followed_.erase(conversation);
    }
    // Without a connection no command is needed: the next connection subscribes to `followed_`.
    if (writer_) unsent_[conversation] = follow;
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
  unsent_.clear();
  for (const Uuid& conversation : followed_) unsent_[conversation] = true;
  RedisWriter::Commands commands{.next = [this] { return NextCommand(); },
                                 .keep_alive =
                                     [this] {
                                       counters_.commands.Add();
                                       return RedisCommand({"PING"});
                                     }};
  writer_ = RedisWriter::Start(io_, connection, "subscribing", counters_.failures,
                               std::move(commands), RedisCommand({"SUBSCRIBE", kNodesChannel}));
  bool up = false;
  std::exception_ptr failed;
  try {
    co_await ReadAll(*connection, up);
  } catch (...) {
    failed = std::current_exception();
  }
  connection->Close();
  writer_->Wake();
  writer_.reset();
  unsent_.clear();  // the next connection subscribes to all followed conversations
  if (up) on_connection_(false);
  std::rethrow_exception(failed);
}

boost::asio::awaitable<void> RedisSubscriber::ReadAll(RedisConnection& connection, bool& up) {
  const auto deadline = std::chrono::steady_clock::now() + kSilence;
  for (;;) {
    Received received;
    RedisReply reply = co_await connection.Read(kSilence);
    for (; reply; reply = connection.ReadBuffered()) {
      if (reply->type == REDIS_REPLY_ERROR) {
        throw RedisFailure("Redis rejected SUBSCRIBE: " + std::string(TextOf(*reply)));
      }
      if (!Sort(*reply, received)) throw RedisFailure("unexpected reply to SUBSCRIBE");
    }
    counters_.received.Add(received.deliveries.size());
    if (received.subscribed && !std::exchange(up, true)) on_connection_(true);
    if (!up && std::chrono::steady_clock::now() > deadline) {
      throw RedisFailure("Redis did not confirm SUBSCRIBE in time");
    }
    if (!received.deliveries.empty()) receiver_->OnDeliveries(std::move(received.deliveries));
    if (!received.followed.empty()) receiver_->OnFollowed(std::move(received.followed));
    if (receiver_->Congested()) co_await WaitForRoom(connection);
  }
}

// While paused, messages are buffered in the sockets and in Redis, which closes a connection that uses
// too much memory. Messages lost then are read from the store.
boost::asio::awaitable<void> RedisSubscriber::WaitForRoom(RedisConnection& connection) {
  counters_.pauses.Add();
  co_await PollWhile(io_, [&] { return receiver_->Congested() && !connection.closed(); });
}

// ["message", channel, bytes] | ["subscribe" | "unsubscribe", channel, count] | ["pong", ""].
// Returns false for other replies.
bool RedisSubscriber::Sort(const redisReply& reply, Received& received) {
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2) return false;
  const std::span words(reply.element, reply.elements);
  if (words[0]->type != REDIS_REPLY_STRING) return false;
  const std::string_view what = TextOf(*words[0]);
  if (what == "pong") return true;
  if (words.size() < 3 || words[1]->type != REDIS_REPLY_STRING) return false;
  const std::string_view channel = TextOf(*words[1]);
  const auto conversation = ConversationOf(channel);
  if (!conversation && channel != kNodesChannel) return true;
  if (what == "message") {
    if (words[2]->type != REDIS_REPLY_STRING) return false;
    received.deliveries.push_back({conversation, std::string(TextOf(*words[2]))});
  } else if (what == "subscribe" && conversation) {
    received.followed.push_back(*conversation);
  } else if (what == "subscribe") {
    received.subscribed = true;
  }
  return true;
}

std::string RedisSubscriber::NextCommand() {
  std::string command = SubscribeCommand(unsent_, ChannelOf);
  if (!command.empty()) counters_.commands.Add();
  return command;
}

void RedisSubscriber::Stop() {
  link_.Stop();
  if (writer_) writer_->Wake();
}

}  // namespace parley
