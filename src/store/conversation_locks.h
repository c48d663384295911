// The conversation rows that a transaction locks before it writes, in id order, so that batches do not
// deadlock. For engines with several writing processes: while a row is locked, no other transaction adds
// to its conversation. One transaction, one thread.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "store/queries.h"

namespace parley {

class ConversationLocks {
 public:
  // How to handle rows that other transactions hold: wait up to the session's lock timeout, or skip
  // them.
  enum class Mode { kWait, kSkip };
  explicit ConversationLocks(Mode mode) : mode_(mode) {}

  void Add(SqlPipeline& pipeline, const std::set<Uuid>& conversations) {
    const bool skip = mode_ == Mode::kSkip;
    for (const Uuid& id : conversations) {
      rows_[id].lock =
          &pipeline.Add(skip ? queries::kLockFreeConversation : queries::kLockConversation)
               .Bind(1, id);
    }
    if (!skip) return;
    for (const Uuid& id : conversations) {
      rows_[id].there = &pipeline.Add(queries::kConversationIsThere).Bind(1, id);
    }
  }

  // Call it after the pipeline has run.
  void Read() {
    for (auto& [id, row] : rows_) {
      if (row.lock->Step()) {
        row.seq = row.lock->Int(0);
      } else if (row.there != nullptr && row.there->Step()) {
        busy_.insert(id);
      }
    }
    read_ = true;
  }
  bool have_read() const { return read_; }

  // nullopt: the conversation does not exist or is busy.
  std::optional<int64_t> Seq(const Uuid& conversation) const {
    const auto row = rows_.find(conversation);
    return row == rows_.end() ? std::nullopt : row->second.seq;
  }
  // Another transaction holds the row.
  bool IsBusy(const Uuid& conversation) const { return busy_.contains(conversation); }
  const std::set<Uuid>& busy() const { return busy_; }

 private:
  struct Row {
    Statement* lock = nullptr;
    Statement* there = nullptr;
    std::optional<int64_t> seq;
  };
  const Mode mode_;
  std::map<Uuid, Row> rows_;
  std::set<Uuid> busy_;
  bool read_ = false;
};

}  // namespace parley
