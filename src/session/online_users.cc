#include "session/online_users.h"

namespace parley {

void OnlineUsers::Connected(const UserId& user) {
  auto& stripe = const_cast<Stripe&>(StripeOf(user));
  const std::lock_guard lock(stripe.mutex);
  ++stripe.connections[user];
}

void OnlineUsers::Disconnected(const UserId& user) {
  auto& stripe = const_cast<Stripe&>(StripeOf(user));
  const std::lock_guard lock(stripe.mutex);
  const auto found = stripe.connections.find(user);
  if (found != stripe.connections.end() && --found->second == 0) stripe.connections.erase(found);
}

std::vector<UserId> OnlineUsers::Among(const std::vector<UserId>& users) const {
  std::vector<UserId> online;
  for (const UserId& user : users) {
    const Stripe& stripe = StripeOf(user);
    const std::lock_guard lock(stripe.mutex);
    if (stripe.connections.contains(user)) online.push_back(user);
  }
  return online;
}

}  // namespace parley
