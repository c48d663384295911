// Counts concurrently held resources (sockets, uploads) per user or address, for the whole node.
//
// Threads: any.
// Bounds: one entry per key with a held resource.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/keyed_hash.h"
#include "base/mutex.h"

namespace parley {

class HeldCounts {
 public:
  // Holds one count until it is destroyed. An empty Held has no count.
  class Held {
   public:
    Held() = default;
    Held(HeldCounts* counts, std::string key) : counts_(counts), key_(std::move(key)) {}
    Held(Held&& other) noexcept
        : counts_(std::exchange(other.counts_, nullptr)), key_(std::move(other.key_)) {}
    Held& operator=(Held&& other) noexcept {
      std::swap(counts_, other.counts_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Held() {
      if (counts_ != nullptr) counts_->Release(key_);
    }
    explicit operator bool() const { return counts_ != nullptr; }

   private:
    HeldCounts* counts_ = nullptr;
    std::string key_;
  };

  // Increments the count of the key, or returns an empty Held if it is already `most`.
  Held Take(std::string_view key, int64_t most) {
    Stripe& stripe = StripeOf(key);
    const MutexLock lock(stripe.mutex);
    int64_t& count = stripe.counts[std::string(key)];  // a present count is never 0
    if (count >= most) {
      if (count == 0) stripe.counts.erase(std::string(key));
      return {};
    }
    ++count;
    return {this, std::string(key)};
  }

  int64_t Count(std::string_view key) const {
    const Stripe& stripe = stripes_[KeyedHash()(key) % kStripes];
    const MutexLock lock(stripe.mutex);
    const auto found = stripe.counts.find(key);
    return found == stripe.counts.end() ? 0 : found->second;
  }

 private:
  static constexpr size_t kStripes = 16;
  struct Stripe {
    mutable Mutex mutex;
    KeyedMap<int64_t> counts GUARDED_BY(mutex);
  };
  Stripe& StripeOf(std::string_view key) { return stripes_[KeyedHash()(key) % kStripes]; }
  void Release(const std::string& key) {
    Stripe& stripe = StripeOf(key);
    const MutexLock lock(stripe.mutex);
    const auto found = stripe.counts.find(key);
    if (found != stripe.counts.end() && --found->second == 0) stripe.counts.erase(found);
  }

  std::array<Stripe, kStripes> stripes_;
};

}  // namespace parley
