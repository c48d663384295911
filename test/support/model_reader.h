// A client of the hub as a property test sees it: a device that connects, reads at its own pace,
// resumes from anywhere, goes away and comes back, and knows at each frame whether the hub kept its
// promises (P3-P6): what is queued next is what follows, or a gap that names what is really gone.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/hub.h"
#include "test/support/model_store.h"
#include "test/support/seeded_random.h"
#include "test/support/step_executor.h"

namespace parley::test {

// What all readers of a run share. `broken` is the first promise that was not kept.
struct ReaderWorld {
  ModelStore& store;
  SeededRandom& random;
  std::vector<Uuid> conversations;
  std::unordered_map<Uuid, int64_t> acknowledged = {};  // highest seq that a sender was told of
  // Resume points beyond the head at that time. Such a claim may come true while its answer is
  // under way, and the answer then still says what was so when it was read.
  std::set<std::pair<Uuid, int64_t>> claimed_futures = {};
  bool client_acts = false;           // not the hub: a client does something on its own shard
  bool acknowledged_is_known = true;  // to the home, that is: see Weather
  // Changes of members that somebody was told of, by conversation.
  std::unordered_map<Uuid, size_t> member_acks = {};
  bool one_node = true;          // else a node learns of a removal later
  bool store_goes_back = false;  // frames on their way may show what is no longer stored
  std::string broken = {};
  size_t events = 0, gaps = 0, resets = 0, caught_up = 0, fell_behind = 0, failed = 0, removed = 0;

  void Check(bool kept, const std::string& promise) {
    if (!kept && broken.empty()) broken = promise;
  }
};

// One connection, on one shard. What is queued is in `outbox`, bounded as Connection bounds it.
class ModelConnection final : private FeedSink {
 public:
  ModelConnection(ReaderWorld& world, Hub& hub, StepExecutor& shard, UserId user, size_t limit);
  ~ModelConnection() override;
  ModelConnection(const ModelConnection&) = delete;
  ModelConnection& operator=(const ModelConnection&) = delete;

  // A conversation socket: live from the head, or from `since`.
  void OpenConversation(const Uuid& conversation, std::optional<int64_t> since);
  // A user socket; held until Resume when `hold`.
  void OpenUser(bool hold);

  bool ended() const { return ended_; }
  bool HasRoom() const { return bytes_ < limit_; }
  bool empty() const { return outbox_.empty(); }
  // Conversations that it may be asked to resume.
  std::vector<Uuid> Streams() const;
  void Resume(const Uuid& conversation, int64_t seq);
  void Release();  // the held ones that nobody resumed
  void Unsubscribe(const Uuid& conversation);
  // Reads one frame: which conversation, and up to where it has been seen now.
  std::pair<Uuid, int64_t> ReadFrame();

  // At rest: everything is live, at the head, and every resume has ended.
  void CheckComplete();

 private:
  struct Stream {
    Stream(const Uuid& conversation, FeedSink& sink) : feed(conversation, sink) {}
    Feed feed;
    bool subscribed = false;
    int64_t told = 0;  // of the last frame queued: the next one follows this
    int64_t base = 0;  // where `held` begins
    std::map<int64_t, std::string> held = {};  // frames got since, by seq
    size_t member_changes = 0;                 // when it was opened
    bool was_member = false;                   // when it was opened
    bool members_known = false;                // all their changes have been acknowledged
    bool resuming = false;
    int64_t must_reach = 0;      // before CaughtUp
    size_t fetches = 0;          // under way
    size_t gaps_over_limit = 0;  // since the outbox last drained
  };
  struct Queued {
    Uuid conversation;
    int64_t seen_through;
    size_t bytes;
  };

  SendStatus SendEvent(const Event& event) override;
  void SendEphemeral(const Event& event) override;
  void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) override;
  void Fetch(Feed& feed) override;
  void FetchFailed(Feed& feed) override;
  void Fetched(Feed& feed) override;
  void CaughtUp(Feed& feed) override;
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed& feed, const Event& event) override;

  void Follow(const Uuid& conversation, int64_t from);
  Stream& AddStream(const Uuid& conversation, int64_t from);
  // False: not admitted.
  bool CheckSubscription(const Stream& stream, const Result<Subscription>& subscription);
  void CheckHeld(const Stream& stream, int64_t head);
  void Queue(const Uuid& conversation, int64_t seen_through, size_t bytes);
  // A session lives and dies on one shard: whatever comes, comes there.
  void CheckShard() {
    world_.Check(shard_.running() || world_.client_acts, "a session is touched by its own shard");
  }
  std::string Place(const Stream& stream, int64_t seq) const;

  ReaderWorld& world_;
  Hub& hub_;
  StepExecutor& shard_;
  const UserId user_;
  const size_t limit_;
  std::shared_ptr<ModelConnection*> self_;
  std::map<Uuid, Stream> streams_;
  std::deque<Queued> outbox_;
  size_t bytes_ = 0;
  bool was_full_ = false;
  bool ended_ = false;
  bool user_socket_ = false;
  bool hold_ = false;
};

// A device: what it has seen outlives its connections.
class ModelReader {
 public:
  ModelReader(ReaderWorld& world, Hub& hub, StepExecutor& shard, UserId user, size_t limit)
      : world_(world), hub_(hub), shard_(shard), user_(std::move(user)), limit_(limit) {}

  // Something that a client may do at this moment.
  void Act();
  // Comes back if it is away, from where it was, and reads what there is. False: nothing to do.
  bool Settle();
  void Leave() { connection_.reset(); }
  const ModelConnection* connection() const { return connection_.get(); }
  void CheckComplete() { connection_->CheckComplete(); }

 private:
  void Connect(bool honest);
  int64_t SomeSeq(const Uuid& conversation);
  void ReadOne();

  ReaderWorld& world_;
  Hub& hub_;
  StepExecutor& shard_;
  const UserId user_;
  const size_t limit_;
  std::unordered_map<Uuid, int64_t> seen_;
  std::unique_ptr<ModelConnection> connection_;
};

}  // namespace parley::test
