// Commands to one Redis on one pipelined connection, with their replies in order. Requests that cannot
// be queued are refused. If the connection fails, the requests under way are reported as failed, and are
// not repeated. Threads: that of one io_context.
#pragma once
#include <deque>
#include <functional>
#include <span>

#include "base/unique_function.h"
#include "redis/redis_writer.h"

namespace parley::django {

class RedisPipeline {
 public:
  static constexpr size_t kMostBytes = 16 * 1024 * 1024;  // of requests without their replies

  // The replies of a request, which can be errors; empty if the connection failed.
  using Done = UniqueFunction<void(std::span<const RedisReply>)>;
  enum class Submitted { kQueued, kFull, kDisconnected };

  struct Options {
    std::string name;  // for the log
    // Bytes of the requests of all pipelines that share it.
    std::atomic<int64_t>* queued_bytes = nullptr;
    Counter* failures = nullptr;
    std::function<void(bool up)> on_connection;
  };
  RedisPipeline(boost::asio::io_context& io, const RedisAddress& address, Options options);

  // `commands` are encoded, with `replies` replies in all. `done` is called unless the request is refused; `held`: the bytes
  // that it holds until then.
  Submitted Submit(std::string commands, size_t replies, Done done, size_t held = 0);
  boost::asio::awaitable<void> Run();
  void Stop();
  void Reconnect() { link_.Reconnect(); }
  bool connected() const { return connected_; }
  // The address of the latest connection.
  const std::string& server() const { return server_; }
  bool idle() const { return queued_.empty() && under_way_.empty(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Request {
    std::string commands;
    size_t size = 0;  // of the commands and what `done` holds
    size_t replies = 0;
    Done done;
  };

  boost::asio::awaitable<void> Work(RedisLink::Connection connection);
  boost::asio::awaitable<void> ReadAll(RedisConnection& connection);
  // The commands of the next requests, which are then under way.
  std::string NextBatch();
  void Take(RedisReply reply);
  void Count(int64_t bytes);
  void FailAll();

  boost::asio::io_context& io_;
  const Options options_;
  RedisLink link_;
  bool connected_ = false;
  std::string server_;
  size_t bytes_ = 0;
  std::deque<Request> queued_, under_way_;
  std::vector<RedisReply> replies_;  // of the first request under way
  bool rejected_ = false;            // an error reply was logged on this connection
  std::shared_ptr<RedisWriter> writer_;
};

}  // namespace parley::django
