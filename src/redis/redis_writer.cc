#include "redis/redis_writer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "redis/io_loop.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kWithin{5000};  // for a write
constexpr milliseconds kKeepAliveEvery{2000};

}  // namespace

RedisWriter::RedisWriter(boost::asio::io_context& io, RedisLink::Connection connection,
                         std::string name, Counter& failures, Commands commands)
    : connection_(std::move(connection)),
      name_(std::move(name)),
      failures_(failures),
      commands_(std::move(commands)),
      sleeper_(io) {}

std::shared_ptr<RedisWriter> RedisWriter::Start(boost::asio::io_context& io,
                                                RedisLink::Connection connection, std::string name,
                                                Counter& failures, Commands commands,
                                                std::string first) {
  auto writer = std::make_shared<RedisWriter>(io, std::move(connection), std::move(name), failures,
                                              std::move(commands));
  boost::asio::co_spawn(io, Run(writer, std::move(first)), boost::asio::detached);
  return writer;
}

boost::asio::awaitable<void> RedisWriter::Run(std::shared_ptr<RedisWriter> self,
                                              std::string first) {
  try {
    co_await self->WriteAll(std::move(first));
  } catch (const RedisFailure&) {
    // The reader of the connection reports the error.
  } catch (const std::exception& failure) {
    self->failures_.Add();
    log::error("redis connection failed unexpectedly for={} error={}", self->name_, failure.what());
  }
  self->connection_->Close();
}

boost::asio::awaitable<void> RedisWriter::WriteAll(std::string first) {
  std::string commands = std::move(first);
  while (!connection_->closed()) {
    if (commands.empty()) commands = commands_.next();
    if (commands.empty()) {
      asleep_ = true;
      const bool idle = co_await Sleep(sleeper_, kKeepAliveEvery);
      asleep_ = false;
      if (idle && !connection_->closed()) commands = commands_.keep_alive();
      if (commands.empty()) continue;
    }
    co_await connection_->Write(commands, kWithin);
    commands.clear();
  }
}

}  // namespace parley
