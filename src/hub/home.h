// Home: the conversations whose id hashes to this shard. On a node, only the home shard holds a
// conversation's log (ConversationLog: order, gaps, a store that moved back), its Members and the list
// of subscribed shards. Home connects them with the store, the subscribers, the taps and the clock: it
// reads what the log is missing, once per node, and broadcasts what the log has put in order.
//
// Threads: all calls on the home shard's thread, and all results are delivered on it. Hub passes
// calls and results between shards.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/intrusive_list.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/task.h"
#include "hub/conversation_log.h"
#include "hub/event_tap.h"
#include "hub/known_members.h"
#include "hub/online_users.h"
#include "hub/page.h"
#include "hub/trace_log.h"
#include "hub/typists.h"
#include "store/hub_store.h"

namespace parley {

// The state of a conversation at the moment of a subscription.
struct Subscription {
  int64_t head = 0;
  int64_t participant_count = 0;
  SharedUsers participants;  // empty if there are more than limits.live_participants
};

// The outcome of a resume for one conversation.
enum class ResumeResult : uint8_t { kComplete, kGap, kReset, kRefused };
inline constexpr std::array kResumeResults = {"complete", "gap", "reset", "refused"};

struct HubCounters {
  Histogram delivery;  // from the commit to the outboxes of one shard
  Counter messages, duplicates, catch_ups, store_reads, ephemeral_dropped;
  std::array<Counter, kResumeResults.size()> resumes;  // by ResumeResult
  // Conversations whose events were found in the store before the bus delivered them.
  Counter found_in_store;
  Counter adopted;          // changes of writers other than nodes
  Counter rewinds;          // conversations whose store head moved back
  Gauge rooms, rooms_idle;  // conversations in memory, and the unused ones among them
  Gauge tail_bytes;         // size of the events cached for catch-up
  Gauge presence_bytes;     // size of the changes that wait in PresenceBatches
};

// Delivers broadcasts from a home shard to the subscribed shards, in order.
class HomeSink {
 public:
  virtual ~HomeSink() = default;
  virtual void Deliver(unsigned shard, std::vector<EventRef> events) = 0;
};

struct HomeOptions {
  unsigned shards = 1;
  size_t live_participants = 200;
  size_t idle_conversations = 20'000;  // maximum cached conversations per shard without subscribers
  const Clock* clock = nullptr;        // null: time does not advance
  OnlineUsers* online = nullptr;       // null, or a null clock: presence is disabled
  // Limit for all tails of a shard, including the cost of their events.
  size_t tail_bytes = 64 * 1024 * 1024;
  // True if other nodes write to the store. Then only followed conversations are cached, and the cache
  // is checked against the store, because the bus can lose messages. Otherwise the cache is always
  // authoritative.
  bool other_writers = false;
  std::vector<FollowSink*> follow_sinks = {};
  std::vector<EventTap*> taps = {};
  TraceLog* trace = nullptr;                      // of the shard; null: deliveries are not recorded
  uint32_t jitter_seed = std::random_device{}();  // of delays
};

class Home {
 public:
  Home(Executor& self, HomeStore& store, HomeSink& sink, HubCounters& counters,
       HomeOptions options);
  ~Home();

  // Subscribes `shard` to a conversation on behalf of a user, who must be a participant unless
  // `as_service`. `member_at`: the conversation's seq in a snapshot of the store in which the user
  // is a member; if the membership cannot have changed since, the store is not queried again.
  // Events broadcast after the result reach the shard after the result.
  // Errors: not_participant (also for a missing conversation), store_unavailable.
  void Subscribe(const Uuid& conversation, const UserId& user, bool as_service, unsigned shard,
                 Resolve<Result<Subscription>> done,
                 std::optional<int64_t> member_at = std::nullopt);
  // Runs `calls`, and loads the conversations that they need in one read.
  template <class Calls>
  void BatchLoads(Calls calls) {
    collecting_loads_ = true;
    calls();
    collecting_loads_ = false;
    StartLoads();
  }
  void Unsubscribe(const Uuid& conversation, unsigned shard);

  // Reads the page that follows `since`, from the tail or the store. Errors: not_found,
  // store_unavailable.
  void Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done);

  // Commits a message, then broadcasts its event. Errors: as ChangeStore::InsertMessage.
  void Send(NewMessage message, Resolve<Result<StoredMessage>> done);

  // Commits any other durable change. Errors: as ChangeStore::Apply.
  void Apply(ChangeRequest request, Resolve<Result<AppliedChange>> done);
  // Errors: as ChangeStore::DeleteConversation.
  void Delete(const Uuid& conversation, const UserId& actor, bool as_service,
              Resolve<Result<void>> done);

  // Broadcasts an ephemeral event to its audience. Events of this node also go to the taps.
  void BroadcastEphemeral(EventRef event);

  // Sends user_online or user_offline to the subscribers of the user's conversations that are in
  // memory and small enough. Returns the members of each of these conversations that has subscribers.
  std::vector<SharedUsers> BroadcastPresence(const UserId& user, bool online, Origin origin);

  // Updates typing indicators (see Typists) in conversations that are small enough. A message or
  // the removal of the user ends the indicator.
  void SetTyping(const TypingUpdate& update);
  // Called several times per second.
  void OnTick(Monotonic now);

  // --- events of other nodes (home_cluster.cc)

  void IngestRemote(const RemoteEvent& remote);
  void OnRemoteTyping(const TypingUpdate& update) { ApplyTyping(update); }
  // Compares cached heads with heads read from the store.
  void OnChangedHeads(const std::vector<UserConversationHead>& heads);
  // Schedules a read of the head of every followed conversation within 0.5 s, because changes may
  // have been missed since an unknown seq.
  void RecheckHeads();
  // Processes entries of the access log: `user` was removed, or the conversation was deleted.
  void OnMemberRemoved(const Uuid& conversation, const UserId& user);
  void OnConversationDeleted(const Uuid& conversation);
  // Gives seqs to the changes of a writer that is not a node (ChangeStore::Adopt), and broadcasts them.
  // `done` runs once if there were any.
  void Adopt(const Uuid& conversation, UniqueFunction<void()> done);
  // Retries OnMemberRemoved for removals that could not be verified because the store was
  // unavailable or the event arrived out of order.
  void RetryRemovals();

 private:
  struct Room;  // the cached state of a conversation
  class Rooms;  // the rooms in memory
  using Load = UniqueFunction<void(Result<Room*>)>;
  using Removals = std::vector<std::pair<Uuid, UserId>>;

  // Passes the room to `then` when its head and its members are loaded; keeps it in memory
  // meanwhile.
  void WithRoom(const Uuid& conversation, Load then);
  // The same, but waits for the head only.
  void WithHead(const Uuid& conversation, Load then);
  void LoadRoom(Room& room);
  // Loads pending rooms in batches. While the maximum number of loads is in flight, further rooms
  // wait.
  void StartLoads();
  using ReadContext = ConversationLog::Context;
  using Contexts = std::vector<std::pair<Uuid, ReadContext>>;
  void OnBatchLoaded(const Contexts& contexts, Result<std::vector<LoadedHead>> loaded);
  void OnLoaded(const Uuid& conversation, const ReadContext& context,
                Result<ConversationHead> loaded);
  // Schedules a retry of failed reads while the room has subscribers.
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
  // Applies a change of membership to the cached members, or reloads them.
  void UpdateMembers(Room& room, const MemberChange& change, int64_t seq);
  void ReloadMembers(Room& room);
  // Ingests the event of a change that this node has committed.
  void IngestLocal(Room& room, EventRef event, LogStep& step);
  // Does what the log of the room asks for.
  void Perform(Room& room, LogStep& step);
  // Reads the range that the log is missing, unless a read is in flight.
  void FillGap(Room& room);
  void FillIfBehind(Room& room);

  void Broadcast(Room& room, EventRef event);
  void FlushBroadcasts();
  void BroadcastTyping(const Uuid& conversation, const UserId& user, bool is_typing);
  void ReadFromStore(Room& room, int64_t since, Resolve<Result<PageRef>> done);
  void RequestChanges(Room& room, int64_t since);
  void OnChanges(const Uuid& conversation, int64_t since, const ReadContext& context,
                 Result<ChangesSince> changes);
  // Returns true if the cached members and head can be used without a read of the store.
  bool HasAuthoritativeCache(const Room& room) const;
  // Returns true if the conversation is small enough for typing, presence and read receipts.
  bool AllowsEphemeral(const Room& room) const;
  // Returns true if the conversation's size allows the audience. False if the size is unknown.
  bool Reaches(const Room& room, const Event& event) const {
    return event.audience != Audience::kSmallConversations || AllowsEphemeral(room);
  }
  void Tap(const EventRef& event, const MemberChange& members = {}, uint64_t epoch = 0) {
    for (EventTap* tap : options_.taps) tap->OnEvent(event, members, epoch);
  }
  bool ApplyTyping(const TypingUpdate& update);

  void Follow(Room& room);
  // Forgets what was cached of the conversation.
  void Forget(Room& room);
  void UnfollowIdle(Monotonic now);
  void CheckWithin(Room& room, Duration time);  // keeps an earlier check that is already scheduled
  void CheckHeads(Monotonic now);
  void CatchUpWithStore(Monotonic now);
  void ReadHeads(Contexts contexts);
  void OnHeads(const Contexts& contexts, const Result<std::vector<UserConversationHead>>& heads);
  // Fills the gap if the store's head is ahead of the cached head.
  void CatchUp(Room& room, int64_t head);
  Monotonic Now() const {
    return options_.clock == nullptr ? Monotonic{} : options_.clock->Steady();
  }

  Executor& self_;
  HomeStore& store_;
  HomeSink& sink_;
  HubCounters& counters_;
  const HomeOptions options_;
  // Removals whose events were not broadcast. RetryRemovals asks the store whether they still
  // apply.
  Removals unverified_removals_;
  const std::unique_ptr<Rooms> rooms_;
  std::vector<Uuid> to_load_;
  size_t loads_in_flight_ = 0;
  bool collecting_loads_ = false;
  std::vector<std::vector<EventRef>> broadcasts_;  // per shard, until the end of the batch
  bool flush_posted_ = false;
  std::multimap<Monotonic, Uuid> head_checks_;  // scheduled reads of heads
  size_t head_reads_ = 0;                       // in flight
  struct StoreAhead {
    Monotonic since;
    Uuid conversation;
    int64_t head;
  };
  std::set<Uuid> adopting_;  // conversations
  // heads read from the store whose events the bus may still deliver
  std::deque<StoreAhead> store_ahead_;
  // followed conversations, and since when they have no subscribers
  std::deque<std::pair<Uuid, Monotonic>> idle_followed_;
  std::multimap<Monotonic, Uuid> retries_;  // scheduled retries of failed reads
  std::minstd_rand jitter_;                 // of delays
  Typists typists_{[this](const Uuid& conversation, const UserId& user, bool is_typing) {
    BroadcastTyping(conversation, user, is_typing);
  }};
};

}  // namespace parley
