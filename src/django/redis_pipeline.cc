#include "django/redis_pipeline.h"

#include "base/log.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kPipelineSilence{5000};  // RedisWriter pings more often
constexpr size_t kWriteBytes = 256 * 1024;

// The server cannot execute commands, but the current master can.
bool MeansReconnect(std::string_view error) {
  return error.starts_with("READONLY") || error.starts_with("LOADING") ||
         error.starts_with("MASTERDOWN") || error.starts_with("UNBLOCKED");
}

}  // namespace

RedisPipeline::RedisPipeline(boost::asio::io_context& io, const RedisAddress& address,
                             Options options)
    : io_(io),
      options_(std::move(options)),
      link_(io, address, options_.name, *options_.failures) {}

void RedisPipeline::Count(int64_t bytes) {
  bytes_ += static_cast<size_t>(bytes);
  *options_.queued_bytes += bytes;
}

RedisPipeline::Submitted RedisPipeline::Submit(std::string commands, size_t replies, Done done,
                                               size_t held) {
  if (!connected_) return Submitted::kDisconnected;
  const size_t size = commands.size() + held;
  if (bytes_ + size > kMostBytes) return Submitted::kFull;
  Count(static_cast<int64_t>(size));
  queued_.push_back({std::move(commands), size, replies, std::move(done)});
  writer_->Wake();
  return Submitted::kQueued;
}

boost::asio::awaitable<void> RedisPipeline::Run() {
  RedisLink::Work work = [this](RedisLink::Connection connection) {
    return Work(std::move(connection));
  };
  co_await link_.Run(std::move(work));
}

boost::asio::awaitable<void> RedisPipeline::Work(RedisLink::Connection connection) {
  rejected_ = false;
  connected_ = true;
  server_ = connection->endpoint().ToString();
  RedisWriter::Commands commands{.next = [this] { return NextBatch(); },
                                 .keep_alive = [this]() -> std::string {
                                   Submit(RedisCommand({"PING"}), 1,
                                          [](std::span<const RedisReply>) {});
                                   return {};
                                 }};
  writer_ =
      RedisWriter::Start(io_, connection, options_.name, *options_.failures, std::move(commands));
  options_.on_connection(true);
  std::exception_ptr failed;
  try {
    co_await ReadAll(*connection);
  } catch (...) {
    failed = std::current_exception();
  }
  connected_ = false;
  connection->Close();
  writer_->Wake();
  writer_.reset();
  FailAll();
  options_.on_connection(false);
  std::rethrow_exception(failed);
}

void RedisPipeline::FailAll() {
  replies_.clear();
  for (std::deque<Request>* const requests : {&under_way_, &queued_}) {
    while (!requests->empty()) {
      Request request = std::move(requests->front());
      requests->pop_front();
      Count(-static_cast<int64_t>(request.size));
      request.done({});
    }
  }
}

boost::asio::awaitable<void> RedisPipeline::ReadAll(RedisConnection& connection) {
  for (;;) {
    RedisReply reply = co_await connection.Read(kPipelineSilence);
    for (; reply; reply = connection.ReadBuffered()) Take(std::move(reply));
  }
}

void RedisPipeline::Take(RedisReply reply) {
  if (reply->type == REDIS_REPLY_ERROR) {
    const std::string_view error = TextOf(*reply);
    if (MeansReconnect(error)) throw RedisFailure("Redis refuses commands: " + std::string(error));
    options_.failures->Add();
    if (!std::exchange(rejected_, true)) {
      log::error("channel layer command rejected for={} error={}", options_.name, error);
    }
  }
  if (under_way_.empty()) throw RedisFailure("Redis sent a reply without a command");
  replies_.push_back(std::move(reply));
  if (replies_.size() < under_way_.front().replies) return;
  Request request = std::move(under_way_.front());
  under_way_.pop_front();
  Count(-static_cast<int64_t>(request.size));
  const std::vector<RedisReply> replies = std::exchange(replies_, {});
  request.done(replies);
}

std::string RedisPipeline::NextBatch() {
  std::string batch;
  while (!queued_.empty() && batch.size() < kWriteBytes) {
    batch += std::exchange(queued_.front().commands, {});
    under_way_.push_back(std::move(queued_.front()));
    queued_.pop_front();
  }
  return batch;
}

void RedisPipeline::Stop() {
  link_.Stop();
  if (writer_) writer_->Wake();
}

}  // namespace parley::django
