#include "hub/neighbours.h"

#include <algorithm>
#include <utility>

namespace parley {
namespace {

// FNV-1a, 64 bits. Must not change: all versions compare digests.
uint64_t DigestOf(const UserId& user) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : user) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// If ticks pause for longer, the process or the machine was suspended, and the silence of the other
// nodes proves nothing.
constexpr auto kAsleep = std::chrono::seconds(3);

}  // namespace

bool LocalUsers::Add(const UserId& user) {
  if (!users_.insert(user).second) return false;
  digest_ ^= DigestOf(user);
  return true;
}

bool LocalUsers::Remove(const UserId& user) {
  if (users_.erase(user) == 0) return false;
  digest_ ^= DigestOf(user);
  return true;
}

bool Neighbours::OnMessage(const Uuid& node, Monotonic now) {
  const auto [at, added] = nodes_.try_emplace(node);
  if (!at->second.leaving) at->second.until = now + kNodeLease;
  at->second.heard = now;
  return added;
}

bool Neighbours::OnHello(const Uuid& node, const Announcement& hello) {
  Node& here = nodes_[node];
  here.store = hello.store;
  here.settled = hello.settled;
  if (hello.store != store_) {
    const auto shown = std::exchange(here.shown, {});
    here.unconfirmed.clear();
    if (!shown.users().empty()) show_({shown.users().begin(), shown.users().end()}, false);
    return false;
  }
  const std::vector<UserId> gone(here.unconfirmed.begin(), here.unconfirmed.end());
  here.unconfirmed.clear();
  if (!gone.empty()) OnPresence(node, gone, false);
  return here.shown.users().size() != hello.users || here.shown.digest() != hello.digest;
}

void Neighbours::OnPresence(const Uuid& node, const std::vector<UserId>& users, bool online) {
  Node& here = nodes_[node];
  if (IsForeign(node)) return;
  std::vector<UserId> changed;
  for (const UserId& user : users) {
    here.unconfirmed.erase(user);
    if (online ? here.shown.Add(user) : here.shown.Remove(user)) changed.push_back(user);
  }
  if (!changed.empty()) show_(std::move(changed), online);
}

void Neighbours::OnReset(const Uuid& node) {
  Node& here = nodes_[node];
  here.unconfirmed = here.shown.users();
}

void Neighbours::OnShutdown(const Uuid& node, Monotonic now) {
  Node& here = nodes_[node];
  here.leaving = true;
  here.until = now + kShutdownLease;
}

void Neighbours::OnTick(Monotonic now, bool up) {
  const auto passed = now - last_tick_;
  if (last_tick_ != Monotonic{} && passed > kAsleep) {
    for (auto& [id, node] : nodes_) {
      node.until += passed;
      node.heard += passed;
    }
    consistent_since_ += passed;
  }
  last_tick_ = now;
  std::erase_if(nodes_, [&](auto& entry) {
    if (entry.second.until > now) return false;
    const auto& users = entry.second.shown.users();
    if (!users.empty()) show_({users.begin(), users.end()}, false);
    return true;
  });
  if (!up || Mismatch() || consistent_since_ == Monotonic{}) consistent_since_ = now;
  settled_ = settled_ || now - consistent_since_ >= kNodeLease;
}

bool Neighbours::IsOurs(const Uuid& node) const {
  const auto at = nodes_.find(node);
  return at != nodes_.end() && at->second.store == store_;
}

bool Neighbours::IsForeign(const Uuid& node) const {
  const auto at = nodes_.find(node);
  return at != nodes_.end() && !at->second.store.IsNil() && at->second.store != store_;
}

std::vector<Neighbours::Seen> Neighbours::All() const {
  std::vector<Seen> all;
  for (const auto& [id, node] : nodes_) {
    all.push_back({id, node.heard, node.leaving, IsForeign(id)});
  }
  return all;
}

bool Neighbours::AnotherStore() const {
  return std::ranges::any_of(nodes_, [&](const auto& entry) { return IsForeign(entry.first); });
}

bool Neighbours::Mismatch() const {
  const bool beside_a_settled_one = std::ranges::any_of(nodes_, [&](const auto& entry) {
    return entry.second.settled && entry.second.store == store_;
  });
  return !settled_ && !beside_a_settled_one && AnotherStore();
}

}  // namespace parley
