// Who has a live connection to this node: a count for each user. Thread-safe.
#pragma once
#include <array>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

namespace parley {

class OnlineUsers {
 public:
  void Connected(const UserId& user);
  void Disconnected(const UserId& user);
  // Those of `users` who are online, in the same order.
  std::vector<UserId> Among(const std::vector<UserId>& users) const;

 private:
  static constexpr size_t kStripes = 16;
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<UserId, int> connections;  // guarded by mutex; never 0
  };
  const Stripe& StripeOf(const UserId& user) const {
    return stripes_[std::hash<UserId>()(user) % kStripes];
  }
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace parley
