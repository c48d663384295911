// The rows of conversations that a transaction locks before it writes to them, in the order of their
// ids, so that no two batches wait for each other. For engines that several processes write to: while a
// row is locked nobody else adds to its conversation. One transaction, one thread.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "store/queries.h"

namespace parley {

class ConversationLocks {
 public:
  // For rows that other transactions hold: wait as long as the session waits for a lock, or pass over
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

  // After the pipeline has run.
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

  // nullopt: there is no such conversation, or it is busy.
  std::optional<int64_t> Seq(const Uuid& conversation) const {
    const auto row = rows_.find(conversation);
    return row == rows_.end() ? std::nullopt : row->second.seq;
  }
  // Held by another transaction.
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
