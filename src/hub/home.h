// Home: the conversations whose id hashes to this shard. It alone holds a conversation's head, its
// tail, who is in it as far as memory knows, and which shards listen. Order, dedup of repeats and
// gaps are settled here, once per node: seq = head+1 goes out, seq <= head is a repeat, a jump is
// filled from the store first.
//
// A store may go back under a running node (a fail-over or a restore that lost commits). An answer
// that contradicts what was known when it was asked for (another epoch, or a lower head) makes the
// home read the newest events again and compare them with its tail: what is no longer stored is
// taken back by a rewind, and what the store has instead goes out (home_rewind.cc).
//
// All calls on the home shard's thread; answers come later on it. Hub carries both across shards.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/intrusive_list.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/task.h"
#include "hub/feed.h"
#include "hub/home_publisher.h"
#include "hub/known_members.h"
#include "hub/online_users.h"
#include "hub/tail.h"
#include "hub/typists.h"
#include "store/hub_store.h"

namespace parley {

// What a connection learns when it is let in.
struct Subscription {
  int64_t head = 0;
  int64_t participant_count = 0;
  std::vector<UserId>
      participants;  // all, or none when there are more than limits.live_participants
};

// How it ended for one conversation that a client had named.
enum class ResumeResult : uint8_t { kComplete, kGap, kReset, kRefused };
inline constexpr std::array kResumeResults = {"complete", "gap", "reset", "refused"};

struct HubCounters {
  Histogram delivery;  // from the commit to the outboxes of one shard
  Counter messages, duplicates, catch_ups, store_reads, ephemeral_dropped;
  std::array<Counter, kResumeResults.size()> resumes;  // by ResumeResult
  Counter found_in_store;   // conversations where the store was ahead of what was heard
  Counter rewinds;          // conversations where the store had gone back
  Gauge rooms, rooms_idle;  // conversations in memory; unused ones among them
  Gauge tail_bytes;         // of events kept for catching up
};

// Carries events from a home shard to a listening one, in order.
class HomeSink {
 public:
  virtual ~HomeSink() = default;
  virtual void Deliver(unsigned shard, std::vector<EventRef> events) = 0;
};

struct HomeOptions {
  unsigned shards = 1;
  size_t live_participants = 200;
  size_t idle_conversations = 20'000;    // kept in memory for each shard, without listeners
  const Clock* clock = nullptr;          // none: no time passes
  OnlineUsers* online = nullptr;         // none (or no clock): no presence
  size_t tail_bytes = 64 * 1024 * 1024;  // of all tails of a shard, with what their events cost
  HomePublisher* publisher = nullptr;    // none: no other node writes to the store
  uint32_t jitter_seed = std::random_device{}();  // of delays
};

class Home {
 public:
  Home(Executor& self, HomeStore& store, HomeSink& sink, HubCounters& counters,
       HomeOptions options);
  ~Home();

  // Lets a user in as a listener of `shard`: checks that they participate, unless a service.
  // `member_at`: the conversation's seq in a snapshot of the store in which the user is a member;
  // where no change of its members can have come since, the store is not asked again.
  // Events that come after the answer reach the shard after the answer.
  // Errors: not_participant (or no such conversation), store_unavailable.
  void Subscribe(const Uuid& conversation, const UserId& user, bool as_service, unsigned shard,
                 Resolve<Result<Subscription>> done,
                 std::optional<int64_t> member_at = std::nullopt);
  // Runs `calls`, and loads what they need to know of conversations in one read.
  template <class Calls>
  void BatchLoads(Calls calls) {
    collecting_loads_ = true;
    calls();
    collecting_loads_ = false;
    StartLoads();
  }
  void Unsubscribe(const Uuid& conversation, unsigned shard);

  // A page since n, from the tail or the store. Errors: not_found, store_unavailable.
  void Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done);

  // Commits, then lets the event out. Errors: as ChangeStore::InsertMessage.
  void Send(NewMessage message, Resolve<Result<StoredMessage>> done);

  // Any other durable change. Errors: as ChangeStore::Apply.
  void Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done);
  // Errors: as ChangeStore::DeleteConversation.
  void Delete(const Uuid& conversation, const UserId& actor, bool as_service,
              Resolve<Result<void>> done);

  // An ephemeral event, to conversations small enough to have any; on the other nodes too, if it is
  // not something that each tells its own.
  void BroadcastEphemeral(EventRef event, bool all_nodes = true);

  // Sends user_online or user_offline to the listeners of the user's conversations, as far as these are in
  // memory and small enough. Returns the other members of the conversations that have listeners.
  std::vector<UserId> BroadcastPresence(const UserId& user, bool online);

  // Shown to the others as Typists says, in conversations small enough; a send of the user's, and
  // their removal, end it.
  void SetTyping(const TypingUpdate& update);
  // A few times a second.
  void OnTick(Monotonic now);

  // --- of other nodes (home_cluster.cc)

  void IngestRemote(const RemoteEvent& remote);
  void OnRemoteTyping(const TypingUpdate& update) { ApplyTyping(update); }
  // Heads as the store has them.
  void OnChangedHeads(const std::vector<UserConversationHead>& heads);
  // The head of every followed conversation is read, within half a second: it is not known from
  // where on changes have been missed.
  void RecheckHeads();
  // What the store says of who may see what: `user` has been removed, the conversation deleted.
  void OnMemberRemoved(const Uuid& conversation, const UserId& user);
  void OnConversationDeleted(const Uuid& conversation);
  // Retries OnMemberRemoved for users the store could not be asked about, or whose removal came out of order.
  void RetryRemovals();

 private:
  struct Room;         // a conversation's state
  struct ReadContext;  // what was known of it when the store was asked
  class Rooms;         // those in memory
  using Load = UniqueFunction<void(Result<Room*>)>;
  using Removals = std::vector<std::pair<Uuid, UserId>>;

  // Gives the room once its head and its members are known; keeps it in memory meanwhile.
  void WithRoom(const Uuid& conversation, Load then);
  // The same for its head alone.
  void WithHead(const Uuid& conversation, Load then);
  void LoadRoom(Room& room);
  // Loads of several rooms are one read; while as many as may be are under way, others gather.
  void StartLoads();
  void OnBatchLoaded(const std::vector<std::pair<Uuid, ReadContext>>& contexts,
                     Result<std::vector<LoadedHead>> loaded);
  void OnLoaded(const Uuid& conversation, const ReadContext& context,
                Result<ConversationHead> loaded);
  void TakeMembers(Room& room, ConversationHead& loaded);
  // Events that came before the head was known.
  void TakeEarlyEvents(Room& room);
  // What failed is asked for again on a tick, while somebody listens.
  void RetryLater(Room& room);
  void Retry(Monotonic now);
  void Insert(Room& room, NewMessage message, Resolve<Result<StoredMessage>> done);
  void CheckMember(Room& room, const UserId& user, std::optional<int64_t> member_at,
                   UniqueFunction<void(Result<bool>)> then);
  void OnStored(const Uuid& conversation, const ReadContext& context,
                Result<StoredMessage>& stored);
  void OnApplied(const Uuid& conversation, const ReadContext& context,
                 const AppliedChange& applied);
  void BroadcastDeletion(const Uuid& conversation);
  // Memory of who is in it follows a change; it may have to be read again.
  void UpdateMembers(Room& room, const MemberChange& change, int64_t seq);
  void ReloadMembers(Room& room);
  // A change that this node has made.
  void IngestLocal(Room& room, EventRef event);
  // A durable event in whatever order events come.
  void Ingest(Room& room, EventRef event);
  void Append(Room& room, EventRef event);
  void FillGap(Room& room);
  void OnGapRead(Room& room, int64_t since, const ChangesSince& changes);
  void FillIfBehind(Room& room);  // what follows the head, if something is known to

  // --- a store that went back (home_rewind.cc)

  static ReadContext CurrentContext(const Room& room);
  // Cannot both be true: what was known when the store was asked, and its answer.
  static bool Contradicts(Room& room, const ReadContext& context, uint64_t epoch, int64_t seq);
  // Reads the newest events again before any other goes out. `seq`, `epoch`: of what contradicts.
  void VerifyHead(Room& room, int64_t seq, uint64_t epoch);
  void OnHeadVerified(Room& room, int64_t since, const ChangesSince& changes);
  void Rewind(Room& room, int64_t to, const ChangesSince& changes);
  // The head stands in a store of this epoch, too; what listeners have beyond it does not.
  void AdoptEpoch(Room& room, uint64_t epoch);
  // An own commit that cannot have got its seq from the store that was known.
  void CheckCommit(Room& room, const ReadContext& context, uint64_t epoch, int64_t seq,
                   bool is_new);

  void Broadcast(Room& room, EventRef event);
  void FlushBroadcasts();
  void ShowTyping(const Uuid& conversation, const UserId& user, bool is_typing);
  void ReadFromStore(Room& room, int64_t since, Resolve<Result<PageRef>> done);
  void RequestChanges(Room& room, int64_t since);
  void OnChanges(const Uuid& conversation, int64_t since, const ReadContext& context,
                 Result<ChangesSince> changes);
  static PageRef PageFrom(const Room& room, int64_t since, const ChangesSince& changes);
  // May memory say who is in it, and how far it is?
  bool HasAuthoritativeCache(const Room& room) const;
  // Is it small enough for typing, presence and read receipts?
  bool AllowsEphemeral(const Room& room) const;
  bool ApplyTyping(const TypingUpdate& update);

  void Follow(Room& room);
  void Forget(Room& room);
  void UnfollowIdle(Monotonic now);
  void CheckWithin(Room& room, Duration time);  // or sooner, if so planned
  void CheckHeads(Monotonic now);
  void CatchUpWithStore(Monotonic now);
  void ReadHeads(std::vector<std::pair<Uuid, ReadContext>> contexts);
  void OnHeads(const std::vector<std::pair<Uuid, ReadContext>>& contexts,
               const Result<std::vector<UserConversationHead>>& heads);
  static void Stamp(Room& room, const UserConversationHead& head);
  void OnHead(Room& room, const ReadContext& context, const UserConversationHead& head);
  // The store is as far as that.
  void CatchUp(Room& room, int64_t head);
  Monotonic Now() const {
    return options_.clock == nullptr ? Monotonic{} : options_.clock->Steady();
  }

  Executor& self_;
  HomeStore& store_;
  HomeSink& sink_;
  HubCounters& counters_;
  const HomeOptions options_;
  // Removals not yet sent to listeners; RetryRemovals asks the store whether they still hold.
  Removals unverified_removals_;
  const std::unique_ptr<Rooms> rooms_;
  std::vector<Uuid> to_load_;
  size_t loads_under_way_ = 0;
  bool collecting_loads_ = false;
  std::vector<std::vector<EventRef>> broadcasts_;  // by shard, until the end of the batch
  bool flush_posted_ = false;
  HomePublisher* const publisher_;
  std::multimap<Monotonic, Uuid> head_checks_;  // of heads: when
  size_t head_reads_ = 0;                       // under way
  struct StoreAhead {
    Monotonic since;
    Uuid conversation;
    int64_t head;
  };
  std::deque<StoreAhead> store_ahead_;  // of what the wire has brought; it may still be on its way
  std::deque<std::pair<Uuid, Monotonic>> idle_followed_;  // followed, without listeners since
  std::multimap<Monotonic, Uuid> retries_;                // of what failed: when
  std::minstd_rand jitter_;                               // of delays
  Typists typists_{[this](const Uuid& conversation, const UserId& user, bool is_typing) {
    ShowTyping(conversation, user, is_typing);
  }};
};

}  // namespace parley
