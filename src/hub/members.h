// What a home knows of one conversation's members: all of them if they are few, otherwise some. Reads of
// the store and changes arrive in any order; seqs decide which is newer. It calls nothing.
//
// Threads: one shard.
#pragma once
#include <optional>
#include <vector>

#include "base/keyed_hash.h"
#include "domain/conversation.h"
#include "hub/event_tap.h"
#include "hub/known_members.h"

namespace parley {

class Members {
 public:
  Members(MemberIndex& index, const Uuid& conversation) : all_(index, conversation) {}

  // --- state

  // Returns true if the members were read, even if they may be outdated.
  bool known() const { return known_; }
  // Returns true if a change could not be applied: the members must be read again.
  bool stale() const { return stale_; }
  int64_t count() const { return count_; }
  // All members, or empty if there are too many to cache.
  const std::vector<UserId>& all() const { return all_.users(); }
  SharedUsers Share() const { return all_.Share(); }
  // Returns true if the user is among all(); false also if all() is empty.
  bool Has(const UserId& user) const;
  // Changes when a change of members arrives: a read that began before is outdated.
  int64_t version() const { return seq_; }
  // The seq of the snapshot that the members were read from.
  int64_t read_at() const { return read_at_; }

  enum class Answer : uint8_t { kMember, kNotMember, kAskStore };
  // `member_at`: the conversation's seq in a snapshot of the store in which the user is a member.
  // `other_writers`: another node may have added the user just now.
  Answer Check(const UserId& user, std::optional<int64_t> member_at, bool other_writers) const;

  // --- reads of the store

  void OnReadBegins() { stale_ = false; }  // a change that arrives meanwhile sets it again
  void OnReadFailed() { stale_ = true; }
  // Returns true if a snapshot with this seq is older than a known change of members.
  bool IsOutdated(int64_t seq) const { return seq < seq_; }
  // `seq`: of the snapshot. `users`: all members, or empty. `kept`: false if changes may have been
  // missed since the read began; then the members are used once, and are not known.
  void OnRead(int64_t seq, int64_t count, std::vector<UserId> users, bool kept);
  // The store says that the user is a member.
  void Remember(const UserId& user);
  void ForgetSome() { some_.clear(); }
  // The store moved back: nothing that is known proves a membership.
  void OnRewind();
  void Forget();

  // --- changes

  // Applies a change, and returns true if the members must be read again. `seq`: of the change; 0: a
  // change without a seq. `head`: of the conversation. `live_participants`: the most members that are
  // cached.
  bool Apply(const MemberChange& change, int64_t seq, int64_t head, int64_t live_participants);
  // The user is no longer a member, since an unknown seq.
  void Remove(const UserId& user, int64_t head);
  void Invalidate() { stale_ = true; }

 private:
  bool Erase(const UserId& user);

  bool known_ = false;
  bool stale_ = false;
  int64_t count_ = 0;
  KnownMembers all_;
  KeyedSet some_;        // some of the members, if all_ is empty
  int64_t read_at_ = 0;  // seq of the snapshot that the members were read from
  int64_t seq_ = 0;      // seq of the last known change of members
  int64_t since_ = 0;    // every change of members after this seq is known
};

}  // namespace parley
