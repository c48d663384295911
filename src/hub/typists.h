// Who types where: one entry for each user and conversation, however many of the user's sockets
// ("tabs") type at once. Says what the others are to be shown:
//
//   a start  when the first tab starts, but no sooner than a second after the last start shown: who
//            toggles quickly is shown once a second, and how it ends is always shown
//   a stop   at once when the last tab has stopped, has said nothing for 6 s, or all are ended
//
// Bounded: so many typists, so many tabs of each. No I/O and no clock; one shard's thread.
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

class Typists {
 public:
  using Show = std::function<void(const Uuid& conversation, const UserId& user, bool is_typing)>;
  static constexpr size_t kMaxTypists = 20'000;
  static constexpr size_t kMaxSockets = 16;  // beyond it, the one that would end first is forgotten

  explicit Typists(Show show) : show_(std::move(show)) {}

  // False: there are too many typists, so this one is not shown.
  bool Start(const Uuid& conversation, const UserId& user, uint64_t socket_id, Monotonic now);
  void Stop(const Uuid& conversation, const UserId& user, uint64_t socket_id, Monotonic now);
  // All tabs of the user: a message was sent, or the user is in the conversation no more.
  void End(const Uuid& conversation, const UserId& user, Monotonic now);
  // A few times a second: what is due, and what is over.
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
  };
  using Typing = std::map<std::pair<Uuid, UserId>, Typist>;

  void Settle(Typing::value_type& entry, Monotonic now);

  const Show show_;
  Typing typists_;
};

}  // namespace parley
