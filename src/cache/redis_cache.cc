#include "cache/redis_cache.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "redis/io_loop.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// Writes that wait for Redis; further ones are dropped.
constexpr size_t kMostWriting = 16 * 1024 * 1024;
constexpr std::chrono::minutes kLookEvery{1};  // for keys of other programs, until some are found
constexpr size_t kMostInAWrite = 4 * 1024 * 1024;

Error Unavailable() {
  return {.code = ErrorCode::cache_unavailable,
          .detail = "The cache is unreachable, and cache.ignore_exceptions is off. Retry.",
          .retry_after = std::chrono::seconds(1)};
}

milliseconds Until(Steady::time_point deadline) {
  return std::max(milliseconds(1),
                  std::chrono::duration_cast<milliseconds>(deadline - Steady::now()));
}

}  // namespace

RedisCache::RedisCache(Options options, const Clock& clock, CacheCounters& counters)
    : options_(std::move(options)),
      clock_(clock),
      counters_(counters),
      breaker_({.most_at_once = options_.max_connections}),
      work_(io_.get_executor()),
      thread_([this] {
        RunThroughFailures(io_, counters_.failures, "the cache failed, continuing");
      }) {}

RedisCache::~RedisCache() { Stop(); }

void RedisCache::Stop() {
  if (!thread_.joinable()) return;
  stopped_ = true;
  boost::asio::post(io_, [this] {
    CloseAll();
    work_.reset();
  });
  thread_.join();
  io_.restart();
  io_.run();  // requests that were posted meanwhile
}

void RedisCache::Get(const std::vector<Wanted>& wanted, Done done) {
  auto request = std::make_shared<Request>();
  for (const Wanted& one : wanted) {
    // Unlike GET, bounded by this side. A key without a value is an empty one.
    request->commands += RedisCommand({"GETRANGE", one.key, "0", std::to_string(one.most_bytes)});
  }
  request->replies = wanted.size();
  request->keep_values = true;
  request->done = [done = std::move(done)](bool answered, Values values) mutable {
    if (answered) return done(std::move(values));
    done(Fail(Unavailable()));
  };
  Send(std::move(request));
}

void RedisCache::Get(const std::vector<Wanted>& wanted, Executor& on, Answer<Values> done) {
  Get(wanted, [&on, done = std::move(done)](Result<Values> values) mutable {
    on.Post([done = std::move(done), values = std::move(values)]() mutable {
      done(std::move(values));
    });
  });
}

void RedisCache::Set(const std::vector<Entry>& entries) {
  auto request = std::make_shared<Request>();
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    if (bytes + entry.value.size() > kMostInAWrite) continue;
    bytes += entry.value.size();
    request->commands +=
        RedisCommand({"SET", entry.key, entry.value, "PX", std::to_string(entry.lifetime.count())});
    ++request->replies;
  }
  const size_t unwritten = entries.size() - request->replies;
  if (unwritten > 0) counters_.unwritten.Add(unwritten);
  if (request->replies == 0) return;
  if (writing_bytes_ + bytes > kMostWriting) return counters_.unwritten.Add(request->replies);
  writing_bytes_ += bytes;
  request->done = [this, bytes, count = request->replies](bool answered, Values) {
    writing_bytes_ -= bytes;
    answered ? counters_.written_bytes.Add(bytes) : counters_.unwritten.Add(count);
  };
  Send(std::move(request));
}

void RedisCache::Send(std::shared_ptr<Request> request) {
  if (stopped_) return request->done(false, {});
  const auto ticket = breaker_.Admit(clock_.Steady());
  if (!ticket) {
    switch (ticket.error()) {
      case CircuitBreaker::Refusal::kPaused:
        counters_.paused.Add();
        break;
      case CircuitBreaker::Refusal::kSlow:
        counters_.slow.Add();
        break;
      case CircuitBreaker::Refusal::kFull:
        counters_.full.Add();
        break;
    }
    return request->done(false, {});
  }
  boost::asio::post(io_, [this, request = std::move(request), ticket = *ticket]() mutable {
    boost::asio::co_spawn(io_, Run(std::move(request), ticket), boost::asio::detached);
  });
}

boost::asio::awaitable<void> RedisCache::Run(std::shared_ptr<Request> request,
                                             CircuitBreaker::Ticket ticket) {
  const auto started = Steady::now();
  std::string failure;
  bool timeout = false;
  // Redis may have closed a connection while it was idle: then a new one is tried.
  for (bool again = true; again;) {
    again = false;
    failure.clear();
    const bool reused = !idle_.empty();
    Connection connection;
    try {
      if (stopped_) throw RedisFailure("the cache is stopping");
      if (reused) {
        connection = std::move(idle_.back());
        idle_.pop_back();
      } else {
        connection = std::make_shared<RedisConnection>(io_.get_executor());
        counters_.connections.Add(1);
      }
      busy_.insert(connection);
      if (!reused) {
        co_await connection->Open(options_.address, options_.connect_timeout);
      }
      if (!counters_.shared && started >= next_look_) {
        next_look_ = started + kLookEvery;
        co_await LookForOtherKeys(connection);
      }
      co_await Exchange(connection, *request);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (connection) busy_.erase(connection);
    if (failure.empty()) {
      idle_.push_back(std::move(connection));
    } else if (connection) {
      timeout = connection->closed();  // by its deadline, or by CloseAll
      again = reused && !timeout;
      connection->Close();
      counters_.connections.Add(-1);
    }
  }
  if (failure.empty()) {
    breaker_.Succeeded(ticket);
    if (!counters_.up.exchange(true)) log::info("cache is up");
    counters_.seconds.Observe(Steady::now() - started);
  } else {
    OnFailure(failure, timeout, ticket);
  }
  request->done(failure.empty(), std::move(request->values));
}

boost::asio::awaitable<void> RedisCache::Exchange(Connection connection, Request& request) {
  const auto deadline = Steady::now() + options_.socket_timeout;
  request.values.clear();
  co_await connection->Write(request.commands, options_.socket_timeout);
  for (size_t i = 0; i < request.replies; ++i) {
    RedisReply reply = connection->ReadBuffered();
    if (!reply) reply = co_await connection->Read(Until(deadline));
    Take(request, *reply);
  }
}

void RedisCache::Take(Request& request, const redisReply& reply) {
  if (reply.type == REDIS_REPLY_ERROR) {
    const std::string_view text = TextOf(reply);
    counters_.refused.Add();
    if (!text.starts_with("WRONGTYPE") && !std::exchange(complained_of_refusal_, true)) {
      log::warn("cache command rejected error={}", text);
    }
  }
  if (!request.keep_values) return;
  std::optional<std::string>& value = request.values.emplace_back();
  if (reply.type != REDIS_REPLY_STRING || reply.len == 0) return;
  value.emplace(TextOf(reply));
  counters_.read_bytes.Add(reply.len);
}

// A look at some of the keys.
boost::asio::awaitable<void> RedisCache::LookForOtherKeys(Connection connection) {
  const std::vector<std::string_view> words{"SCAN", "0", "COUNT", "200"};
  co_await connection->Write(RedisCommand(words), options_.socket_timeout);
  const RedisReply reply = co_await connection->Read(options_.socket_timeout);
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) co_return;
  const redisReply& keys = *reply->element[1];
  for (size_t i = 0; i < keys.elements; ++i) {
    if (TextOf(*keys.element[i]).starts_with(options_.own_keys)) continue;
    counters_.shared = true;
    log::warn(
        "the cache shares its Redis database with other programs at={} database={}: a FLUSHDB, "
        "such as that of clear() of a Django cache, deletes the keys of all of them",
        connection->endpoint().ToString(), options_.address.database);
    break;
  }
}

void RedisCache::OnFailure(const std::string& what, bool timeout, CircuitBreaker::Ticket ticket) {
  const bool first = breaker_.Failed(ticket, clock_.Steady());
  if (stopped_) return;
  (timeout && first ? counters_.timeouts : counters_.failures).Add();
  if (!first) return;
  if (counters_.up.exchange(false)) {
    log::warn("cache is down, continuing without it error={}", what);
  }
  complained_of_refusal_ = false;
  CloseAll();
}

// Requests in progress fail at once, instead of each waiting for its own deadline.
void RedisCache::CloseAll() {
  counters_.connections.Add(-static_cast<int64_t>(idle_.size()));
  idle_.clear();
  for (const Connection& connection : busy_) connection->Close();
}

}  // namespace parley
