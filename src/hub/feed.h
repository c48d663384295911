// A feed: what one connection has seen of one conversation, and how it sees the rest. Live events,
// resume, slow readers and lost events are one mechanism: read since n, then live (P3-P6).
//
//            Resume(n), a jump in seq                page ends at the head
//   kLive ────────────────────────────▶ kFetching ──────────────────────────▶ kLive
//     │ outbox full                        │ ▲ page ends before the head: fetch on
//     └───────────────▶ kBehind ◀──────────┘ │
//                          └─────────────────┘ outbox drained
//   kHeld: as at first, until told where to start; live events pass by unseen.
//
// No I/O and no clock in it: a property test drives it with a random scheduler. One shard's thread.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "net/outbox.h"
#include "protocol/events.h"

namespace parley {

class Feed;
class Topic;

// A stretch of a conversation after `since`, from the home shard: from its tail or the store.
struct Page {
  Uuid conversation;
  int64_t since = 0;
  std::vector<EventRef> events;  // ascending; a hole in them is gone for good
  int64_t through = 0;           // every seq in (since, through] is in `events` or gone
  int64_t head = 0;    // of the conversation when the page was sent; later events follow live
  int64_t newest = 0;  // of the conversation, as this page's read or memory has it: >= head
  bool reset = false;  // `since` lies beyond the head: the client knows a future that is not
};
using PageRef = std::shared_ptr<const Page>;

// A resume point that no conversation ever reaches: what a client's larger number counts as.
inline constexpr int64_t kBeyondEveryHead = int64_t{1} << 62;

// Names a feed without owning it.
struct FeedId {
  uint32_t slot = 0;
  uint32_t generation = 0;
  auto operator<=>(const FeedId&) const = default;
};

class FeedSink {
 public:
  virtual ~FeedSink() = default;
  // kFull: not taken; the feed falls behind and waits for OnDrained.
  virtual SendStatus SendEvent(const Event& event) = 0;
  // An event without a place in the order (typing, presence): dropped when the outbox is busy.
  virtual void SendEphemeral(const Event& event) = 0;
  // Must be taken: small, and at most one for each page and each rewind.
  virtual void SendGap(const Uuid& conversation, int64_t from, int64_t to, bool reset) = 0;
  // Ask the home shard for a page since feed.last_seq(); it comes back through OnPage.
  virtual void Fetch(Feed& feed) = 0;
  // The store could not give the page: ask again in a while.
  virtual void FetchFailed(Feed& feed) = 0;
  // The page asked for has come (or not), and the feed has taken of it what it could.
  virtual void Fetched(Feed& feed) = 0;
  // A Resume has reached the head.
  virtual void CaughtUp(Feed& feed) = 0;
  // Whose feeds these are.
  virtual const UserId& user() const = 0;
  // The user is in it no more (Event::parting). The feed may be gone when this returns.
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
  bool subscribed() const { return topic_ != nullptr; }  // at the hub; live events come
  FeedSink& sink() { return *sink_; }

  // Where a held feed stands. Go() then starts it: live at once if the conversation's head is there,
  // else through a fetch.
  void HoldAt(int64_t seq) { last_seq_ = seq; }
  void Go(int64_t head);
  // Starts a held feed through a fetch, where nobody knows the head.
  void Release() {
    if (state_ == State::kHeld) StartFetch();
  }
  // The client says what it has seen; everything after it is sent (again), then CaughtUp.
  void Resume(int64_t seq);

  void OnLive(const Event& event) {
    if (event.seq <= last_seq_ || state_ != State::kLive) return;  // a repeat, or a page brings it
    if (event.seq != last_seq_ + 1) return StartFetch();
    if (sink_->SendEvent(event) == SendStatus::kFull) {
      state_ = State::kBehind;
      return;
    }
    last_seq_ = event.seq;
  }
  void OnPage(const Page& page);
  void OnPageFailed(int64_t since);
  // The store went back: what lies beyond `seq` is no longer so, and what is so now follows.
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
  // Kept by the subscription table:
  FeedId id_;
  Topic* topic_ = nullptr;
  uint32_t index_in_topic_ = 0;

 public:
  FeedId id() const { return id_; }
  // The sink's own:
  uint32_t pages_under_way = 0;
  enum class AccessCheck : uint8_t { kNone, kPending, kGranted } access_check = AccessCheck::kNone;
  int64_t member_at = -1;  // see Home::Subscribe; -1: not known
};

}  // namespace parley
