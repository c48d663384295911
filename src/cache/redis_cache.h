// A cache in Redis. Its loss loses nothing: callers continue without it. It reads and writes the keys that
// it is given and never flushes the database.
//
// Threads: any; it has a thread of its own, on which all connections are. Connections are opened when they
// are needed, at most `max_connections`, and each serves one request at a time; a request that finds all
// of them in use is not sent, as in redis-py. A dead or slow Redis: see CircuitBreaker. A request takes at
// most connect_timeout and socket_timeout.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "cache/cache_metrics.h"
#include "cache/circuit_breaker.h"
#include "redis/redis_connection.h"

namespace parley {

class RedisCache {
 public:
  struct Options {
    RedisAddress address;
    std::chrono::milliseconds connect_timeout{5000}, socket_timeout{5000};
    size_t max_connections = 100;
    // The cache's own keys begin with this text; other keys in the database are another program's.
    std::string own_keys;
  };
  struct Wanted {
    std::string key;
    size_t most_bytes;  // a longer value is truncated
  };
  struct Entry {
    std::string key, value;
    std::chrono::milliseconds lifetime;
  };
  // One for each wanted key; nullopt if there is no value, or it is not a string.
  using Values = std::vector<std::optional<std::string>>;
  using Done = UniqueFunction<void(Result<Values>)>;

  // Does not connect yet.
  RedisCache(Options options, const Clock& clock, CacheCounters& counters);
  ~RedisCache();

  // Errors: cache_unavailable. `done` is called once, on the cache's thread or inside the call.
  void Get(const std::vector<Wanted>& wanted, Done done);
  // The same, answered on an executor.
  void Get(const std::vector<Wanted>& wanted, Executor& on, Answer<Values> done);
  // Writes in the background, or not at all.
  void Set(const std::vector<Entry>& entries);
  // Fails what is in progress. Blocks until the thread has ended; later requests fail.
  void Stop();

 private:
  using Connection = std::shared_ptr<RedisConnection>;
  struct Request {
    std::string commands;
    size_t replies = 0;
    bool keep_values = false;
    Values values = {};
    UniqueFunction<void(bool answered, Values)> done;
  };

  void Send(std::shared_ptr<Request> request);
  boost::asio::awaitable<void> Run(std::shared_ptr<Request> request, CircuitBreaker::Ticket ticket);
  // Throws RedisFailure.
  boost::asio::awaitable<void> Exchange(Connection connection, Request& request);
  boost::asio::awaitable<Connection> Open();
  boost::asio::awaitable<void> LookForOtherKeys(Connection connection);
  void Take(Request& request, const redisReply& reply);
  void OnFailure(const std::string& what, bool timeout, CircuitBreaker::Ticket ticket);
  void CloseAll();

  const Options options_;
  const Clock& clock_;
  CacheCounters& counters_;
  CircuitBreaker breaker_;
  std::atomic<size_t> writing_bytes_{0};
  std::atomic<bool> stopped_{false};
  boost::asio::io_context io_;
  // Only for the thread:
  std::vector<Connection> idle_;
  std::set<Connection> busy_;
  std::chrono::steady_clock::time_point next_look_ = {};
  bool complained_of_refusal_ = false;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace parley
