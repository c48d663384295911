// Typing indicators: one entry per user and conversation, regardless of the number of the user's
// sockets that are typing. Emits:
//
//   a start  when the first socket starts, at most once per second and user; the final state is always
//            emitted
//   a stop   immediately when the last socket has stopped, has been silent for 6 s, or End is called
//
// Limits: kMaxTypists, and kMaxSockets per typist. Performs no I/O and reads no clock. Threads: one shard.
#pragma once
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

inline constexpr auto kTypingEnds = std::chrono::seconds(6);
inline constexpr auto kBetweenStarts = std::chrono::seconds(1);
// An update of a user who is typing already is shown again after this time.
inline constexpr auto kShownAgain = std::chrono::seconds(2);

class Typists {
 public:
  using Show = std::function<void(const Uuid& conversation, const UserId& user, bool is_typing)>;
  static constexpr size_t kMaxTypists = 20'000;
  // beyond this limit, the socket that expires first is dropped
  static constexpr size_t kMaxSockets = 16;

  explicit Typists(Show show) : show_(std::move(show)) {}

  // Returns false if there are too many typists; this one is then ignored.
  bool Start(const Uuid& conversation, const UserId& user, uint64_t socket_id, Monotonic now);
  void Stop(const Uuid& conversation, const UserId& user, uint64_t socket_id, Monotonic now);
  // Ends typing on all sockets of the user: the user sent a message, or is no longer in the
  // conversation.
  void End(const Uuid& conversation, const UserId& user, Monotonic now);
  // Called several times per second: emits delayed starts and expires sockets.
  void OnTick(Monotonic now);

  size_t size() const { return typists_.size(); }

 private:
  struct Socket {
    uint64_t id;
    Monotonic until;
  };
  struct Typist {
    std::vector<Socket> sockets;
    bool shown = false;
    Monotonic next_start = {};
    Monotonic show_again = {};
  };
  using Typing = std::map<std::pair<Uuid, UserId>, Typist>;

  void Settle(Typing::value_type& entry, Monotonic now);

  const Show show_;
  Typing typists_;
};

}  // namespace parley
