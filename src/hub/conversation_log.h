// The order of one conversation's events on a node: the head, the newest events (tail), the events that
// arrived before their predecessors (early), and what is missing (gap). It calls nothing: each call
// returns what the home must do next, as a LogStep.
//
// Invariants: LogStep::broadcast has each seq at most once and in order, until a rewind sets the
// subscribers back. The tail has no hole and ends at the head.
//
// The store can move back while the node runs: a fail-over or a restore can lose commits. A result
// contradicts the log if it has another epoch, or a lower head than the log had when the read began.
// Then the newest events are read again and compared with the tail (verification); events that arrive
// meanwhile wait. A rewind withdraws the events that are no longer stored, and the events that replace
// them are broadcast. Seqs are assigned in order, so if one event is the same in the tail and in the
// store, all earlier events are the same.
//
// Threads: one shard.
#pragma once
#include <map>
#include <vector>

#include "hub/page.h"
#include "hub/tail.h"

namespace parley {

// The memory of all logs of a shard, in bytes (CostOf). Tails are trimmed by their owner.
struct LogMemory {
  size_t tails = 0;
  size_t early = 0;
};

// What the home must do after a call, in this order.
struct LogStep {
  enum class Fetch : uint8_t {
    kNo,
    kUnlessPlanned,  // read the range of NextRead(), unless a retry is planned
    kNow,            // read the range of NextRead()
  };
  std::vector<EventRef> broadcast;  // to the subscribers
  // Users whose removal was dropped before its broadcast, or is an older event: ask the store whether
  // they are still members.
  std::vector<UserId> unsure_removals;
  Fetch fetch = Fetch::kNo;
  bool found_in_store = false;  // the store is ahead of the head
  bool new_epoch = false;       // `broadcast` has a rewind event
  int64_t rewound_from = 0;  // if not 0: the events after the head, up to this seq, are withdrawn
  // The seq of the last change of the conversation (its members, for example) that was read from the
  // store; 0: none.
  int64_t conversation_updated_at = 0;
  bool not_in_store = false;  // events were discarded because the store does not have them
};

class ConversationLog {
 public:
  ConversationLog(const Uuid& conversation, LogMemory& memory)
      : conversation_(conversation), memory_(memory) {}
  ~ConversationLog() { Forget(); }
  ConversationLog(const ConversationLog&) = delete;
  ConversationLog& operator=(const ConversationLog&) = delete;

  // The state when a read of the store began. The result is compared with it.
  struct Context {
    int64_t head = 0;      // 0: unknown
    uint32_t rewinds = 0;  // results of reads that began before a rewind are discarded
  };
  // A range to read from the store.
  struct Read {
    int64_t since = 0;
    size_t max_bytes = kPageBytes;
    bool verifies = false;
    Context context = {};
  };
  // A head of the store. `stamp`: the transaction that assigned `seq`; 0: unknown.
  struct StoreHead {
    int64_t seq = 0;
    uint64_t epoch = 0;
    int64_t stamp = 0;
  };

  // --- the head

  bool known() const { return known_; }
  int64_t head() const { return head_; }
  uint64_t epoch() const { return epoch_; }
  uint32_t rewinds() const { return rewinds_; }
  bool verifying() const { return verifying_; }
  // Returns true if events after the head are known to exist.
  bool behind() const { return verifying_ || !early_.empty() || store_head_ > head_; }
  Context context() const { return {known_ ? std::max(head_, stored_) : 0, rewinds_}; }

  // Sets the head of a log without one. Events that arrived before it are then ingested (TakeEarly).
  void Start(const StoreHead& head);
  // Forgets the head and all events.
  void Forget();

  // --- events

  // Ingests a durable event. Events may arrive in any order, and more than once.
  void Ingest(EventRef event, LogStep& step);
  // Keeps an event until the head is known. If the limits are exceeded, the events with the highest
  // seqs are dropped and read from the store later.
  void AddEarly(EventRef event, LogStep& step);
  // Ingests the early events after Start. `trusted`: they are from this node; otherwise they may be
  // from a history that the store has lost, and are read from the store.
  void TakeEarly(bool trusted, LogStep& step);

  // --- the store

  // The store has events up to `seq`.
  void OnStoreHead(int64_t seq, LogStep& step);
  // A head that was read from the store.
  void OnHeadRead(const Context& context, const StoreHead& head, LogStep& step);
  // The range to read next.
  Read NextRead() const;
  // The result of a read of NextRead().
  void OnRead(const Read& read, const ChangesSince& changes, LogStep& step);
  // Returns true if the result of a read is not consistent with the log when the read began.
  bool Contradicts(const Context& context, uint64_t epoch, int64_t seq);
  // Reads the newest events again; new events wait meanwhile. `seq`, `epoch`: of the result that
  // contradicts the log.
  void Verify(int64_t seq, uint64_t epoch, LogStep& step);
  // Verifies the head if a commit of this node cannot have received its seq from the known history.
  void CheckCommit(const Context& context, uint64_t epoch, int64_t seq, bool is_new, LogStep& step);
  // Remembers the transaction that assigned the head.
  void Stamp(const StoreHead& head);

  // --- the tail

  const Tail& tail() const { return tail_; }
  void ClearTail();
  // See Tail::Forget.
  void ForgetMessage(int64_t about_seq);

 private:
  using Early = std::map<int64_t, EventRef>;

  void Append(EventRef event, LogStep& step);
  void AppendReady(LogStep& step);
  void OnGapRead(int64_t since, const Page& page, LogStep& step);
  void OnVerified(const Read& read, const Page& page, const ChangesSince& changes, LogStep& step);
  // Sets the epoch of the head, and rewinds subscribers that are beyond the head.
  void AdoptEpoch(uint64_t epoch, LogStep& step);
  EventRef PopEarly(Early::iterator at);
  void DropEarly(Early::iterator at, LogStep& step);
  void DropEarlyUpTo(int64_t seq, LogStep& step);
  // Drops the early event with the seq of `stored` if it differs from it: it belongs to a history that
  // the store has lost.
  void DropEarlyUnlike(const Event& stored);
  void ClearEarly(LogStep& step);

  const Uuid conversation_;
  LogMemory& memory_;
  bool known_ = false;
  int64_t head_ = 0;
  int64_t store_head_ = 0;  // last known head of the store; may be outdated
  int64_t stored_ = 0;      // highest head read from the store since the last rewind
  uint64_t epoch_ = 0;      // epoch of the store that `head_` belongs to; 0: unknown
  int64_t stamp_ = 0;       // the transaction that assigned `stamp_seq_`; 0: unknown
  int64_t stamp_seq_ = 0;
  uint32_t rewinds_ = 0;  // number of times that the store moved back under this node
  // A result contradicts the head: events wait until the head is verified.
  bool verifying_ = false;
  bool rewind_certain_ = false;  // while verifying: the store has certainly moved back
  int64_t verify_from_ = 0;      // while verifying: the lowest seq of a result that contradicts
  int futile_reads_ = 0;         // reads in a row that brought none of the missing events
  Tail tail_;
  Early early_;
};

}  // namespace parley
