// The conversation rows that a transaction locks before it writes, in id order, so that batches do not
// deadlock. For engines with several writing processes: while a row is locked, no other transaction adds
// to its conversation. One transaction, one thread.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "store/batch_queries.h"
#include "store/batched.h"

namespace parley {

class ConversationLocks {
 public:
  // How to handle rows that other transactions hold: wait up to the session's lock timeout, or skip
  // them.
  enum class Mode { kWait, kSkip };
  explicit ConversationLocks(Mode mode) : mode_(mode) {}

  void Add(SqlPipeline& pipeline, const std::set<Uuid>& conversations) {
    const size_t rows = conversations.size();
    if (mode_ == Mode::kWait) {
      locks_.emplace(pipeline, queries::kLockConversation, queries::kLockConversations, rows);
    } else {
      locks_.emplace(pipeline, queries::kLockFreeConversation, queries::kLockFreeConversations,
                     rows);
    }
    for (const Uuid& id : conversations) locks_->Next().Bind(1, id);
    if (mode_ == Mode::kWait) return;
    there_.emplace(pipeline, queries::kConversationIsThere, queries::kConversationsThere, rows);
    for (const Uuid& id : conversations) there_->Next().Bind(1, id);
  }

  // Call it after the pipeline has run.
  void Read() {
    locks_->Each([&](const Statement& row) { seqs_[row.Id(1)] = row.Int(0); });
    if (there_) {
      there_->Each([&](const Statement& row) {
        if (!seqs_.contains(row.Id(0))) busy_.insert(row.Id(0));
      });
    }
    read_ = true;
  }
  bool have_read() const { return read_; }

  // nullopt: the conversation does not exist or is busy.
  std::optional<int64_t> Seq(const Uuid& conversation) const {
    const auto seq = seqs_.find(conversation);
    return seq == seqs_.end() ? std::nullopt : std::optional(seq->second);
  }
  // Another transaction holds the row.
  bool IsBusy(const Uuid& conversation) const { return busy_.contains(conversation); }
  const std::set<Uuid>& busy() const { return busy_; }

 private:
  const Mode mode_;
  std::optional<Batched> locks_;
  std::optional<Batched> there_;  // which of them exist, if rows may be skipped
  std::map<Uuid, int64_t> seqs_;  // of the locked ones
  std::set<Uuid> busy_;
  bool read_ = false;
};

}  // namespace parley
