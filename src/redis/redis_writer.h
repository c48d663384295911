// Writes commands to a connection while the connection's owner reads the replies. Threads: that of one
// io_context.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "redis/redis_link.h"

namespace parley {

class RedisWriter {
 public:
  // Both return encoded commands, or an empty string. They are not called once the connection is closed.
  struct Commands {
    std::function<std::string()> next;
    // Called while idle, every 2 s, so that silence proves that the connection is dead.
    std::function<std::string()> keep_alive;
  };

  // Starts to write: `first`, then the commands, until the connection is closed or a write fails, which
  // closes it. `name` is for the log. `failures` counts exceptions other than RedisFailure, which the
  // reader of the connection reports.
  static std::shared_ptr<RedisWriter> Start(boost::asio::io_context& io,
                                            RedisLink::Connection connection, std::string name,
                                            Counter& failures, Commands commands,
                                            std::string first = {});
  RedisWriter(boost::asio::io_context& io, RedisLink::Connection connection, std::string name,
              Counter& failures, Commands commands);

  // There are new commands, or the connection was closed.
  void Wake() {
    if (std::exchange(asleep_, false)) sleeper_.cancel();
  }

 private:
  static boost::asio::awaitable<void> Run(std::shared_ptr<RedisWriter> self, std::string first);
  boost::asio::awaitable<void> WriteAll(std::string first);

  const RedisLink::Connection connection_;
  const std::string name_;
  Counter& failures_;
  const Commands commands_;
  boost::asio::steady_timer sleeper_;
  bool asleep_ = false;
};

// Takes at most 500 channels from `pending`, which has true for channels to subscribe to, and returns the
// command for them; empty if none is pending. `name_of(key)` returns the name of a channel.
template <class Pending, class NameOf>
std::string SubscribeCommand(Pending& pending, NameOf name_of) {
  constexpr size_t kChannelsAtOnce = 500;
  if (pending.empty()) return {};
  const bool subscribe = pending.begin()->second;
  std::vector<std::string> channels;
  for (auto at = pending.begin(); at != pending.end() && channels.size() < kChannelsAtOnce;) {
    if (at->second != subscribe) {
      ++at;
      continue;
    }
    channels.push_back(name_of(at->first));
    at = pending.erase(at);
  }
  std::vector<std::string_view> words{subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE"};
  words.insert(words.end(), channels.begin(), channels.end());
  return RedisCommand(words);
}

}  // namespace parley
