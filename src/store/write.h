// One write: applied inside the transaction of its batch on the lane's thread, answered afterwards on its
// executor.
#pragma once
#include <chrono>
#include <optional>
#include <span>

#include "base/executor.h"
#include "base/result.h"
#include "store/conversation_locks.h"
#include "store/sql_session.h"

namespace parley {

class Write {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit Write(Executor& on) : on_(on) {}
  virtual ~Write() = default;
  // Applied again if the first batch failed. Logical failures are kept for Answer; a StoreFailure rolls
  // the batch back.
  virtual void Apply(SqlSession& session) = 0;
  // `failure` is nullptr if the write is committed.
  virtual void Answer(const Error* failure) = 0;
  virtual size_t bytes() const { return 256; }
  // Writes of one conversation are committed in the order in which they were submitted.
  virtual std::optional<Uuid> conversation() const { return std::nullopt; }
  // A long write (a conversation with many members) does not share a lane with writes of clients.
  virtual bool is_long() const { return false; }
  // Consecutive writes of one kind may be applied together (ApplyTogether of the first one) if that saves
  // round trips. nullptr: the write is always applied alone.
  virtual const void* kind() const { return nullptr; }
  // Adds `locks` of the writes' conversations to the pipeline `first` and reads them. Does not apply
  // writes whose conversation is busy.
  virtual void ApplyTogether(SqlSession&, SqlPipeline& /*first*/, ConversationLocks& /*locks*/,
                             std::span<Write* const>) {}
  Executor& on() { return on_; }

  SteadyTime submitted_at() const { return submitted_at_; }
  void NoteSubmitted(SteadyTime now) { submitted_at_ = now; }

 private:
  Executor& on_;
  SteadyTime submitted_at_;
};

}  // namespace parley
