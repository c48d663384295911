// One write: applied inside its batch's transaction on the lane's thread, answered afterwards on its
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
  // May be applied again, if its first batch failed. Logical failures are kept for Answer; a
  // StoreFailure rolls the batch back.
  virtual void Apply(SqlSession& session) = 0;
  // nullptr: committed.
  virtual void Answer(const Error* failure) = 0;
  virtual size_t bytes() const { return 256; }
  // Whose order with others it has: those of one conversation are committed as they came.
  virtual std::optional<Uuid> conversation() const { return std::nullopt; }
  // Takes long (a conversation of many): it is kept away from the writes that clients wait for.
  virtual bool is_long() const { return false; }
  // Writes of one kind that follow each other may be applied together where that saves round trips:
  // the first is asked. nullptr: of no kind.
  virtual const void* kind() const { return nullptr; }
  // Adds `locks` of its conversations to `first` and reads them. Writes whose conversation is busy are
  // left as they are.
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
