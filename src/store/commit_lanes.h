// Several group commits side by side, each with its own thread and connection. A conversation's
// writes take one lane, in their order; what is of no conversation takes the first.
#pragma once
#include <memory>
#include <vector>

#include "store/group_commit.h"

namespace parley {

class CommitLanes {
 public:
  // One for each session. `queue_writes`: of all together. Upkeep runs on the first.
  CommitLanes(std::vector<std::unique_ptr<SqlSession>> sessions, size_t queue_writes,
              Upkeep upkeep) {
    const size_t each = std::max<size_t>(1, queue_writes / sessions.size());
    for (auto& session : sessions) {
      lanes_.push_back(std::make_unique<GroupCommit>(
          std::move(session), each, lanes_.empty() ? std::move(upkeep) : Upkeep()));
    }
  }

  void Submit(std::unique_ptr<Write> write) {
    const std::optional<Uuid> conversation = write->conversation();
    lanes_[conversation ? ShardOf(*conversation, lanes_.size()) : 0]->Submit(std::move(write));
  }
  void WantUpkeep(std::chrono::milliseconds within) { lanes_.front()->WantUpkeep(within); }
  void Close() {
    for (const auto& lane : lanes_) lane->Close();
  }
  bool healthy() const {
    return std::ranges::all_of(lanes_, [](const auto& lane) { return lane->healthy(); });
  }
  StoreStats stats() const {
    StoreStats sum;
    for (const auto& lane : lanes_) {
      const StoreStats one = lane->stats();
      sum.commits += one.commits;
      sum.committed_writes += one.committed_writes;
      sum.commit_seconds += one.commit_seconds;
      sum.queued_writes += one.queued_writes;
      sum.refused_writes += one.refused_writes;
    }
    return sum;
  }

 private:
  std::vector<std::unique_ptr<GroupCommit>> lanes_;
};

}  // namespace parley
