#include "hub/members.h"

#include <algorithm>

namespace parley {
namespace {

constexpr size_t kSomeMembers = 10'000;

}  // namespace

bool Members::Has(const UserId& user) const { return std::ranges::find(all_, user) != all_.end(); }

Members::Answer Members::Check(const UserId& user, std::optional<int64_t> member_at,
                               bool other_writers) const {
  if (!all_.empty()) {
    if (Has(user)) return Answer::kMember;
    if (!other_writers) return Answer::kNotMember;
  }
  if (some_.contains(user)) return Answer::kMember;
  if (member_at && *member_at >= std::max(since_, seq_)) return Answer::kMember;
  return Answer::kAskStore;
}

// --- reads of the store

void Members::OnRead(int64_t seq, int64_t count, std::vector<UserId> users, bool kept) {
  known_ = kept;
  read_at_ = since_ = seq;
  seq_ = std::min(seq_, seq);  // the store does not have later changes
  count_ = count;
  all_ = std::move(users);
}

void Members::Remember(const UserId& user) {
  if (some_.size() >= kSomeMembers) some_.clear();
  some_.insert(user);
}

void Members::OnRewind() {
  read_at_ = since_ = seq_ = 0;
  some_.clear();
  stale_ = true;
}

void Members::Forget() {
  known_ = stale_ = false;
  read_at_ = since_ = seq_ = 0;
  count_ = 0;
  all_.clear();
  some_.clear();
}

// --- changes

bool Members::Erase(const UserId& user) {
  const bool was_in = all_.erase(user);
  return some_.erase(user) != 0 || was_in;
}

void Members::Remove(const UserId& user, int64_t head) {
  Erase(user);
  // The seq of the removal may be unknown: older snapshots do not prove membership.
  since_ = std::max(since_, head + 1);
}

bool Members::Apply(const MemberChange& change, int64_t seq, int64_t head,
                    int64_t live_participants) {
  if (!change.added && !change.removed) return false;
  if (seq != 0 && seq <= read_at_) return false;  // the members include the change
  // A removal takes effect immediately, regardless of the order of changes.
  const bool was_in = change.removed && Erase(*change.removed);
  if (seq == 0) {
    if (!was_in) return false;
    // Later than every known change: older snapshots do not prove membership.
    since_ = std::max(since_, head + 1);
  }
  if (seq < seq_ || seq == 0) {  // the order is unknown, or changes of two nodes conflict
    stale_ = true;
    return true;
  }
  seq_ = seq;
  count_ = change.participant_count;
  if (count_ > live_participants) {
    all_.clear();
  } else if (all_.empty()) {
    stale_ = true;  // the members now fit the cache
    return true;
  } else if (change.added && !Has(*change.added)) {
    all_.push_back(*change.added);
  }
  return false;
}

}  // namespace parley
