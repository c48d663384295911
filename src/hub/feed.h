// A feed: the position of one connection in one conversation, and the delivery of later events. Live
// events, resume, slow readers and lost events use one mechanism: read since n, then live (P3-P6).
//
//            Resume(n), a jump in seq                page ends at the head
//   kLive ────────────────────────────▶ kFetching ──────────────────────────▶ kLive
//     │ outbox full                        │ ▲ page ends before the head: fetch on
//     └───────────────▶ kBehind ◀──────────┘ │
//                          └─────────────────┘ outbox drained
//   kHeld: the initial state, until a start position is set; live events are ignored.
//
// Performs no I/O and reads no clock: a property test drives it with a random scheduler. Threads: one
// shard.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "hub/page.h"
#include "net/outbox.h"

namespace parley {

class Feed;
class Topic;

// Identifies a feed without owning it.
struct FeedId {
  uint32_t slot = 0;
  uint32_t generation = 0;
  auto operator<=>(const FeedId&) const = default;
};

class FeedSink {
 public:
  virtual ~FeedSink() = default;
  // kFull: the event was not queued. The feed falls behind and waits for OnDrained.
  virtual SendStatus SendEvent(const Event& event) = 0;
  // Sends an ephemeral event (for example typing). It is dropped if the outbox is busy.
  virtual void SendEphemeral(const Event& event) = 0;
  // Sends presence events of the conversation, with the same limit. Returns true if a frame was queued.
  virtual bool SendPresence(std::span<const EventRef> events) = 0;
  // Must queue the frame: it is small, and there is at most one per page and per rewind.
  virtual void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) = 0;
  // Requests a page since feed.last_seq() from the home shard. It arrives through OnPage.
  virtual void Fetch(Feed& feed) = 0;
  // The page could not be read: request it again later.
  virtual void FetchFailed(Feed& feed) = 0;
  // The requested page has arrived or failed, and the feed has processed it.
  virtual void Fetched(Feed& feed) = 0;
  // A resume has reached the head.
  virtual void CaughtUp(Feed& feed) = 0;
  // The user that the feeds belong to.
  virtual const UserId& user() const = 0;
  // The user is no longer in the conversation (Event::removal). May destroy the feed.
  virtual void OnRemoved(Feed& feed, const Event& event) = 0;
};

class Feed {
 public:
  enum class State : uint8_t { kHeld, kLive, kFetching, kBehind };

  Feed(const Uuid& conversation, FeedSink& sink) : conversation_(conversation), sink_(&sink) {}
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  const Uuid& conversation() const { return conversation_; }
  int64_t last_seq() const { return last_seq_; }
  State state() const { return state_; }
  bool resuming() const { return resuming_; }
  // registered at the hub: live events arrive
  bool subscribed() const { return topic_ != nullptr; }
  FeedSink& sink() { return *sink_; }

  // Sets the position of a held feed. Start() then starts it: live immediately if the conversation's
  // head is at that position, otherwise through a fetch.
  void HoldAt(int64_t seq) { last_seq_ = seq; }
  void Start(int64_t head);
  // Starts a held feed through a fetch, if the head is unknown.
  void StartWithFetch() {
    if (state_ == State::kHeld) StartFetch();
  }
  // Sets the feed to the client's position. All later events are sent (again), then CaughtUp is
  // called.
  void Resume(int64_t seq);

  void OnLive(const Event& event) {
    // a duplicate, or part of the next page
    if (event.seq <= last_seq_ || state_ != State::kLive) return;
    if (event.seq != last_seq_ + 1) return StartFetch();
    if (sink_->SendEvent(event) == SendStatus::kFull) {
      state_ = State::kBehind;
      return;
    }
    last_seq_ = event.seq;
  }
  // Presence events add up to a state, so a feed that is catching up receives them too.
  bool OnPresence(std::span<const EventRef> events) {
    const size_t from = std::exchange(presence_from, 0);
    if (state_ == State::kHeld || from >= events.size()) return false;
    return sink_->SendPresence(events.subspan(from));
  }
  void OnPage(const Page& page);
  void OnPageFailed(int64_t since);
  // The store moved back: events after `seq` are no longer valid, and their replacements follow.
  void Rewind(int64_t seq);
  void OnDrained() {
    if (state_ == State::kBehind) StartFetch();
  }

 private:
  friend class SubscriptionTable;
  void StartFetch();

  Uuid conversation_;
  FeedSink* sink_;
  int64_t last_seq_ = 0;
  State state_ = State::kHeld;
  bool resuming_ = false;
  // Maintained by the subscription table:
  FeedId id_;
  Topic* topic_ = nullptr;
  uint32_t index_in_topic_ = 0;

 public:
  FeedId id() const { return id_; }
  // Maintained by PresenceBatches: the first change of the conversation's batch that the feed receives.
  uint32_t presence_from = 0;
  // Maintained by the sink:
  uint32_t pages_in_flight = 0;
  enum class AccessCheck : uint8_t { kNone, kPending, kGranted } access_check = AccessCheck::kNone;
  int64_t member_at = -1;  // see Home::Subscribe; -1: unknown
};

}  // namespace parley
