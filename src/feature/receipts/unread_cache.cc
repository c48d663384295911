#include "feature/receipts/unread_cache.h"

namespace parley {
namespace {

// The conversation's bytes have one length, so different pairs have different keys.
std::string KeyOf(const Uuid& conversation, const UserId& user) {
  std::string key;
  key.reserve(conversation.bytes.size() + user.size());
  key.append(reinterpret_cast<const char*>(conversation.bytes.data()), conversation.bytes.size());
  return key.append(user);
}

}  // namespace

std::optional<UnreadCache::Stamp> UnreadCache::Now(const Uuid& conversation,
                                                   const UserId& user) const {
  if (versions_ == nullptr) return std::nullopt;
  const Stamp now{versions_->Of(conversation), versions_->OfUser(user)};
  if (now.conversation.busy() || now.user.busy()) return std::nullopt;
  return now;
}

std::optional<int64_t> UnreadCache::Find(const Uuid& conversation, const UserId& user,
                                         const std::optional<Stamp>& now) {
  if (versions_ == nullptr) return std::nullopt;
  const Entry* entry = nullptr;
  if (now) {
    entry = entries_.FindIf(KeyOf(conversation, user),
                            [&](const Entry& found) { return found.stamp == *now; });
  }
  (entry == nullptr ? counters_.from_store : counters_.from_memory).Add();
  return entry == nullptr ? std::nullopt : std::optional(entry->count);
}

void UnreadCache::Add(const Uuid& conversation, const UserId& user,
                      const std::optional<Stamp>& before, int64_t count) {
  if (!before) return;
  entries_.Use(KeyOf(conversation, user)) = {.stamp = *before, .count = count};
  // The most that the allocations of an entry use: the key is there twice.
  entries_.CountLastUsed(sizeof(Entry) + 256 + 2 * (sizeof(Uuid) + kUserIdBytes));
}

}  // namespace parley
