// A client of the hub in a property test: a device that connects, reads at its own pace, resumes
// from any seq, disconnects and reconnects. It checks each frame against the guarantees of the hub
// (P3-P6): the next queued event must follow the last one, or a gap must name deleted events.
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

// The state shared by all readers of a run. `broken`: the first violated guarantee; empty if none was.
struct ReaderWorld {
  ModelStore& store;
  SeededRandom& random;
  std::vector<Uuid> conversations;
  std::unordered_map<Uuid, int64_t> acknowledged = {};  // highest acknowledged seq
  // Resume points that were beyond the head when they were sent. The head can reach such a seq
  // while the resume is in flight; the result then still reflects the state at its read.
  std::set<std::pair<Uuid, int64_t>> claimed_futures = {};
  bool client_acts = false;           // a client action is running on its shard, not the hub
  bool acknowledged_is_known = true;  // acknowledged events are known to the home: see Weather
  // The number of acknowledged changes of members, by conversation.
  std::unordered_map<Uuid, size_t> member_acks = {};
  bool one_node = true;          // with several nodes, a node can learn of a removal later
  bool store_goes_back = false;  // frames in flight can contain events that are no longer stored
  std::string broken = {};
  size_t events = 0, gaps = 0, resets = 0, caught_up = 0, fell_behind = 0, failed = 0, removed = 0;

  void Check(bool kept, const std::string& guarantee) {
    if (!kept && broken.empty()) broken = guarantee;
  }
};

// One connection on one shard. Queued frames are in `outbox`, bounded like those of Connection.
class ModelConnection final : private FeedSink {
 public:
  ModelConnection(ReaderWorld& world, Hub& hub, StepExecutor& shard, UserId user, size_t limit);
  ~ModelConnection() override;
  ModelConnection(const ModelConnection&) = delete;
  ModelConnection& operator=(const ModelConnection&) = delete;

  // Opens a conversation socket: live from the head, or from `since`.
  void OpenConversation(const Uuid& conversation, std::optional<int64_t> since);
  // Opens a user socket; held until Resume if `hold`.
  void OpenUser(bool hold);

  bool ended() const { return ended_; }
  bool HasRoom() const { return bytes_ < limit_; }
  bool empty() const { return outbox_.empty(); }
  // The conversations that can be resumed.
  std::vector<Uuid> Streams() const;
  void Resume(const Uuid& conversation, int64_t seq);
  void Release();  // held feeds without a resume
  void Unsubscribe(const Uuid& conversation);
  // Reads one frame; returns its conversation, and the seq up to which the client has now received
  // it.
  std::pair<Uuid, int64_t> ReadFrame();

  // Checks the final state: every feed is live at the head, and every resume has ended.
  void CheckComplete();

 private:
  struct Stream {
    Stream(const Uuid& conversation, FeedSink& sink) : feed(conversation, sink) {}
    Feed feed;
    bool subscribed = false;
    int64_t queued = 0;  // seq of the last queued frame; the next one follows it
    int64_t base = 0;    // seq at which `held` begins
    std::map<int64_t, std::string> held = {};  // frames received since, by seq
    size_t member_changes = 0;                 // when it was opened
    bool was_member = false;                   // when it was opened
    bool members_known = false;                // every change of members has been acknowledged
    bool resuming = false;
    int64_t must_reach = 0;      // before CaughtUp
    size_t fetches = 0;          // in flight
    size_t gaps_over_limit = 0;  // since the outbox last drained
  };
  struct Queued {
    Uuid conversation;
    int64_t seen_through;
    size_t bytes;
  };

  SendStatus SendEvent(const Event& event) override;
  void SendEphemeral(const Event& event) override;
  bool SendPresence(std::span<const EventRef> events) override;
  void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) override;
  void Fetch(Feed& feed) override;
  void FetchFailed(Feed& feed) override;
  void Fetched(Feed& feed) override;
  void CaughtUp(Feed& feed) override;
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed& feed, const Event& event) override;

  void Follow(const Uuid& conversation, int64_t from);
  Stream& AddStream(const Uuid& conversation, int64_t from);
  // Returns false if the subscription failed.
  bool CheckSubscription(const Stream& stream, const Result<Subscription>& subscription);
  void CheckHeld(const Stream& stream, int64_t head);
  void Queue(const Uuid& conversation, int64_t seen_through, size_t bytes);
  // Checks that calls arrive on the shard of the session.
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

// A device: its position outlives its connections.
class ModelReader {
 public:
  ModelReader(ReaderWorld& world, Hub& hub, StepExecutor& shard, UserId user, size_t limit)
      : world_(world), hub_(hub), shard_(shard), user_(std::move(user)), limit_(limit) {}

  // Performs a random action that a client can perform now.
  void Act();
  // Reconnects from the last position if disconnected, and reads all frames. Returns false if there
  // was nothing to do.
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
