// The known members of a home's conversations, by conversation and by user. Threads: one shard.
#pragma once
#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/keyed_hash.h"

namespace parley {

// The conversations in memory of which a user is a known member.
class MemberIndex {
 public:
  std::span<const Uuid> ConversationsOf(const UserId& user) const {
    const auto found = conversations_.find(user);
    return found == conversations_.end() ? std::span<const Uuid>() : found->second;
  }
  void Add(const UserId& user, const Uuid& conversation) {
    conversations_[user].push_back(conversation);
  }
  void Remove(const UserId& user, const Uuid& conversation) {
    const auto found = conversations_.find(user);
    if (found == conversations_.end()) return;
    std::vector<Uuid>& of_user = found->second;
    const auto at = std::ranges::find(of_user, conversation);
    if (at == of_user.end()) return;
    *at = of_user.back();
    of_user.pop_back();
    if (of_user.empty()) conversations_.erase(found);
  }
  size_t users() const { return conversations_.size(); }

 private:
  KeyedMap<std::vector<Uuid>> conversations_;
};

// A list of users that does not change.
using SharedUsers = std::shared_ptr<const std::vector<UserId>>;

// All members of one conversation; empty if they are unknown. Updates the index, which must outlive
// it.
class KnownMembers {
 public:
  KnownMembers(MemberIndex& index, const Uuid& conversation)
      : index_(index), conversation_(conversation) {}
  ~KnownMembers() { clear(); }
  KnownMembers(const KnownMembers&) = delete;
  KnownMembers& operator=(const KnownMembers&) = delete;

  KnownMembers& operator=(std::vector<UserId> users) {
    if (users == this->users()) return *this;
    clear();
    Own() = std::move(users);
    for (const UserId& user : *users_) index_.Add(user, conversation_);
    return *this;
  }
  void push_back(UserId user) {
    index_.Add(user, conversation_);
    Own().push_back(std::move(user));
  }
  // Returns true if the user was a member.
  bool erase(const UserId& user) {
    if (std::ranges::find(*users_, user) == users_->end()) return false;
    std::erase(Own(), user);
    index_.Remove(user, conversation_);
    return true;
  }
  void clear() {
    for (const UserId& user : *users_) index_.Remove(user, conversation_);
    users_ = NoUsers();
    shared_ = true;
  }

  bool empty() const { return users_->empty(); }
  size_t size() const { return users_->size(); }
  auto begin() const { return users_->begin(); }
  auto end() const { return users_->end(); }
  const std::vector<UserId>& users() const { return *users_; }
  // The list as it is now, for other threads too: a later change makes a new one.
  SharedUsers Share() const {
    shared_ = true;
    return users_;
  }

 private:
  using Users = std::shared_ptr<std::vector<UserId>>;
  static const Users& NoUsers() {
    static const Users kNone = std::make_shared<std::vector<UserId>>();
    return kNone;
  }
  std::vector<UserId>& Own() {
    if (std::exchange(shared_, false)) users_ = std::make_shared<std::vector<UserId>>(*users_);
    return *users_;
  }

  MemberIndex& index_;
  const Uuid conversation_;
  Users users_ = NoUsers();  // distinct
  mutable bool shared_ = true;
};

}  // namespace parley
