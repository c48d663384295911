// A connection to Redis over TCP, TLS or a Unix socket; hiredis encodes and decodes the protocol
// (RESP2). Every wait has a deadline; when it passes, the connection is closed.
//
// Errors, of any call: RedisFailure. Threads: coroutines of one io_context, with at most one reader and
// one writer at a time.
#pragma once
#include <hiredis/hiredis.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "redis/redis_address.h"

namespace parley {

class RedisFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The server is a replica: its messages only reach its own subscribers.
class RedisIsReplica : public RedisFailure {
 public:
  using RedisFailure::RedisFailure;
};

struct FreeRedisReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeRedisReply>;

inline std::string_view TextOf(const redisReply& reply) { return {reply.str, reply.len}; }

// Throws RedisIsReplica if a reply to INFO has the role of a replica. A reply without a role is
// accepted.
void RequireMaster(const RedisEndpoint& endpoint, const redisReply& info);

// Encodes a command for Redis.
std::string RedisCommand(const std::vector<std::string_view>& words);

class RedisConnection {
 public:
  using Wait = std::chrono::milliseconds;
  static constexpr size_t kMostBuffered = 64 * 1024 * 1024;  // maximum bytes of a reply
  static constexpr int kMostElements = 64 * 1024;  // maximum elements of an array in a reply

  explicit RedisConnection(boost::asio::any_io_executor executor);
  ~RedisConnection();

  // Connects, through the Sentinels if there are any, and logs in. Errors: RedisFailure;
  // RedisIsReplica, if the server is not a master.
  boost::asio::awaitable<void> Open(const RedisAddress& address, Wait within);
  boost::asio::awaitable<void> Write(std::string_view bytes, Wait within);
  // Reads the next reply, which can be an error.
  boost::asio::awaitable<RedisReply> Read(Wait within);
  // Returns a reply that is already in the buffer, or null if a Read is required.
  RedisReply ReadBuffered();
  // Writes a command and reads its reply. Throws RedisFailure if the reply is an error.
  boost::asio::awaitable<RedisReply> Call(const std::vector<std::string_view>& words, Wait within);
  // Fails pending waits.
  void Close();
  bool closed() const { return closed_; }

  const RedisEndpoint& endpoint() const { return endpoint_; }

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;
  class Watch;

  boost::asio::awaitable<void> Connect(const RedisAddress& address, const RedisEndpoint& endpoint,
                                       Wait within);
  boost::asio::awaitable<void> LogIn(const RedisAddress& address, Wait within);
  boost::asio::awaitable<RedisEndpoint> FindMaster(const RedisAddress& address, Wait within);

  boost::asio::any_io_executor executor_;
  RedisEndpoint endpoint_;
  std::unique_ptr<boost::asio::ssl::context> tls_;
  std::unique_ptr<boost::asio::ssl::stream<Socket>> secure_;
  std::unique_ptr<Socket> plain_;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  std::vector<char> buffer_;
  size_t unparsed_ = 0;  // bytes received since the last complete reply
  bool closed_ = false;
};

}  // namespace parley
