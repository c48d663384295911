// Who is shown as online by this node. Kept by Presence, read by every shard. Thread-safe.
#pragma once
#include <array>
#include <mutex>
#include <vector>

#include "base/ids.h"

namespace parley {

class OnlineUsers {
 public:
  void Show(const UserId& user) {
    Stripe& stripe = StripeOf(user);
    const std::lock_guard lock(stripe.mutex);
    stripe.users.insert(user);
  }
  void Hide(const UserId& user) {
    Stripe& stripe = StripeOf(user);
    const std::lock_guard lock(stripe.mutex);
    stripe.users.erase(user);
  }
  bool Has(const UserId& user) const {
    const Stripe& stripe = StripeOf(user);
    const std::lock_guard lock(stripe.mutex);
    return stripe.users.contains(user);
  }

 private:
  static constexpr size_t kStripes = 16;
  struct Stripe {
    mutable std::mutex mutex;
    KeyedSet users;  // guarded by mutex
  };
  const Stripe& StripeOf(const UserId& user) const {
    return stripes_[KeyedHash()(user) % kStripes];
  }
  Stripe& StripeOf(const UserId& user) { return stripes_[KeyedHash()(user) % kStripes]; }
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace parley
