// An in-memory store that a test steps. A call first waits, then takes effect (a write commits, a read
// takes its snapshot), then waits again, and is then answered on the caller's executor. The test steps
// calls in any order; writes take effect in the order of their calls, as in group commit. Members join
// and are removed (AddParticipant, RemoveParticipant), and the store can go back to an older state, as
// after a restore. Single-threaded.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/followed_logs.h"
#include "test/support/partial_store.h"
#include "test/support/seeded_random.h"

namespace parley::test {

class ModelStore final : public PartialHubStore {
 public:
  struct Faults {
    // One call in this many fails; 0: no failures. A failed write stores nothing.
    size_t unavailable_one_in = 0;
    // One write in this many is answered `outcome_unknown`, although it was stored.
    size_t unknown_one_in = 0;
    // One read in this many of a head or of a member fails, in addition.
    size_t members_unavailable_one_in = 0;
    // Answers of writes are reordered. No real store does this; Home tolerates it.
    bool shuffled_answers = false;
  };

  explicit ModelStore(uint64_t seed = 1) : random_(seed) {}
  Faults faults;
  // This many of the next reads of changes fail, whatever `faults` says.
  size_t fail_next_changes = 0;

  // --- contents
  // Creates a group with this many messages of its first member, each with `content` bytes.
  void Put(const Uuid& conversation, std::vector<UserId> members, int64_t messages = 0,
           size_t content = 10);
  void AddMember(const Uuid& conversation, const UserId& user);
  int64_t head(const Uuid& conversation) const { return rooms_.at(conversation).seq; }
  const Message* Find(const Uuid& conversation, int64_t seq) const;
  // Whether a message or another change has this seq.
  bool Has(const Uuid& conversation, int64_t seq) const;
  // Returns the frame of the event with this seq as a read returns it; empty if there is none.
  std::string FrameAt(const Uuid& conversation, int64_t seq) const;
  // Whether a removal of the user was requested, even if it had no effect.
  bool RemovalAsked(const Uuid& conversation, const UserId& user) const {
    return rooms_.at(conversation).removals.contains(user);
  }
  bool IsMember(const Uuid& conversation, const UserId& user) const;
  // The number of changes of the conversation's members.
  size_t member_changes(const Uuid& conversation) const {
    return rooms_.at(conversation).member_changes;
  }
  // Deletes a row and keeps its seq, as retention does.
  void Drop(const Uuid& conversation, int64_t seq);
  // Joins and removals since the start, as in parley_access_log.
  const std::vector<AccessChange>& access_log() const { return access_log_; }

  // Removes the newest `lost` changes of each conversation, as a restore or a fail-over does. With
  // `new_epoch`, answers report a new epoch.
  void GoBack(int64_t lost, bool new_epoch);

  // --- time
  bool idle() const { return waiting_.empty() && happened_.empty(); }
  // Moves one call on by one step; returns false if there is none.
  bool Step(SeededRandom& random);
  // Lets all waiting calls take effect, in order, without answering them.
  void Happen();
  // Answers all calls that have taken effect, or only the one at `place`.
  void AnswerAll();
  void AnswerAt(size_t place);
  // Lets all calls take effect and answers them, oldest first.
  void Run() {
    Happen();
    AnswerAll();
  }
  uint64_t calls() const { return calls_; }  // in total
  size_t waiting() const { return waiting_.size(); }
  size_t happened() const { return happened_.size(); }

  // As FollowedLogs does.
  void ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done);

  // --- HubStore
  void InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) override;
  void LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                Answer<ConversationHead> done) override;
  void LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                 Answer<std::vector<LoadedHead>> done) override;
  void IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) override;
  // AddParticipant and RemoveParticipant, by any member or a service.
  void Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) override;
  void ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes, Executor& on,
                   Answer<ChangesSince> done) override;
  void ListHeads(std::vector<Uuid> conversations, Executor& on,
                 Answer<std::vector<UserConversationHead>> done) override;
  void ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                     Answer<UserConversations> done) override;

 private:
  struct Room {
    Conversation conversation;
    std::vector<UserId> members;
    std::map<int64_t, Message> messages;             // those not dropped
    std::map<int64_t, ChangeKind> changes;           // those not dropped, besides messages
    std::map<int64_t, std::vector<UserId>> history;  // members after each change of them, by seq
    size_t member_changes = 0;
    std::set<UserId> removals;
    int64_t seq = 0;
    int64_t changed_at = 0;  // the store's own counter of changes
    std::map<std::pair<UserId, std::string>, std::pair<int64_t, RequestHash>> by_client_id;
    bool Has(const UserId& user) const;
  };
  struct Happened {
    bool is_write = false;
    Executor* on = nullptr;
    Callback answer;
  };
  struct Waiting {
    bool is_write = false;
    UniqueFunction<Happened()> happen;
  };

  template <class T>
  void Call(bool is_write, Executor& on, Answer<T> done, UniqueFunction<Result<T>()> work);
  void HappenAt(size_t place);
  bool Fails(size_t one_in) { return one_in != 0 && random_.OneIn(one_in); }
  Result<StoredMessage> Insert(NewMessage message);
  ConversationHead HeadOf(const Room& room, size_t participants_limit) const;
  Result<AppliedChange> ApplyNow(const ChangeRequest& request);
  static void SetMembers(Room& room, std::vector<UserId> members);
  ChangesSince PageOf(const Room& room, int64_t since, size_t limit, size_t max_bytes) const;
  static Change ChangeAt(const Room& room, int64_t seq);

  SeededRandom random_;
  std::unordered_map<Uuid, Room> rooms_;
  std::deque<Waiting> waiting_;
  std::deque<Happened> happened_;
  std::vector<AccessChange> access_log_;
  uint64_t epoch_ = 1;
  int64_t changes_ = 0;
  uint64_t calls_ = 0;
};

}  // namespace parley::test
