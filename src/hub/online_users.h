// The users that are online, and recent changes. Written by Presence, read by every shard. Threads:
// any.
#pragma once
#include <array>
#include <deque>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/keyed_hash.h"
#include "base/mutex.h"

namespace parley {

class OnlineUsers {
 public:
  // The retention time of changes, and the maximum number of users with a change.
  static constexpr auto kRecent = std::chrono::minutes(2);
  static constexpr size_t kMaxRecent = 64'000;

  void Show(const UserId& user, Monotonic now = {}) {
    Stripe& stripe = StripeOf(user);
    const MutexLock lock(stripe.mutex);
    if (stripe.users.insert(user).second) NoteChange(stripe, user, now);
  }
  void Hide(const UserId& user, Monotonic now = {}) {
    Stripe& stripe = StripeOf(user);
    const MutexLock lock(stripe.mutex);
    if (stripe.users.erase(user) > 0) NoteChange(stripe, user, now);
  }
  bool Has(const UserId& user) const {
    const Stripe& stripe = StripeOf(user);
    const MutexLock lock(stripe.mutex);
    return stripe.users.contains(user);
  }
  // Returns true if the user came online or went offline at `since` or later.
  bool ChangedSince(const UserId& user, Monotonic since) const {
    const Stripe& stripe = StripeOf(user);
    const MutexLock lock(stripe.mutex);
    const auto found = stripe.changed.find(user);
    return found != stripe.changed.end() && found->second >= since;
  }

 private:
  static constexpr size_t kStripes = 16;
  struct Stripe {
    mutable Mutex mutex;
    KeyedSet users GUARDED_BY(mutex);
    KeyedMap<Monotonic> changed GUARDED_BY(mutex);  // time of the last change
    // Changes by time, including outdated ones.
    std::deque<std::pair<Monotonic, UserId>> by_time GUARDED_BY(mutex);
  };

  static void NoteChange(Stripe& stripe, const UserId& user, Monotonic now) REQUIRES(stripe.mutex) {
    stripe.changed[user] = now;
    stripe.by_time.emplace_back(now, user);
    while (stripe.by_time.front().first + kRecent <= now ||
           stripe.by_time.size() > kMaxRecent / kStripes) {
      const auto [at, who] = std::move(stripe.by_time.front());
      stripe.by_time.pop_front();
      const auto found = stripe.changed.find(who);
      if (found != stripe.changed.end() && found->second == at) stripe.changed.erase(found);
    }
  }
  const Stripe& StripeOf(const UserId& user) const {
    return stripes_[KeyedHash()(user) % kStripes];
  }
  Stripe& StripeOf(const UserId& user) { return stripes_[KeyedHash()(user) % kStripes]; }
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace parley
