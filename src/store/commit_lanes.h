// Several group commits in parallel, each with its own thread and connection. All writes of a
// conversation take the same lane, in order. If there are connections for it, other writes have a lane of
// their own, and long writes and upkeep have another, so that no send waits for them.
#pragma once
#include <memory>
#include <vector>

#include "store/group_commit.h"

namespace parley {

// Writing connections. `others` and `background` may be null: then the first of `conversations` does their
// work.
struct WriterSessions {
  std::vector<std::unique_ptr<SqlSession>> conversations;  // at least one
  std::unique_ptr<SqlSession> others;
  std::unique_ptr<SqlSession> background;
};

class CommitLanes {
 public:
  // `queue_writes`: the limit of all lanes together.
  CommitLanes(WriterSessions sessions, size_t queue_writes, Upkeep upkeep)
      : conversation_lanes_(sessions.conversations.size()) {
    const size_t lanes =
        conversation_lanes_ + (sessions.others ? 1 : 0) + (sessions.background ? 1 : 0);
    const size_t each = std::max<size_t>(1, queue_writes / lanes);
    for (auto& session : sessions.conversations) {
      const bool has_upkeep = lanes_.empty() && !sessions.background;
      lanes_.push_back(std::make_unique<GroupCommit>(std::move(session), each,
                                                     has_upkeep ? std::move(upkeep) : Upkeep()));
    }
    if (sessions.others) {
      others_ = lanes_.size();
      lanes_.push_back(std::make_unique<GroupCommit>(std::move(sessions.others), each));
    }
    if (sessions.background) {
      background_ = lanes_.size();
      upkeep.pause = kBackgroundPause;
      lanes_.push_back(std::make_unique<GroupCommit>(std::move(sessions.background), each,
                                                     std::move(upkeep), kLongWrite));
    }
  }

  void Submit(std::unique_ptr<Write> write) {
    const std::optional<Uuid> conversation = write->conversation();
    const size_t lane = conversation       ? ShardOf(*conversation, conversation_lanes_)
                        : write->is_long() ? background_
                                           : others_;
    lanes_[lane]->Submit(std::move(write));
  }
  void WantUpkeep(std::chrono::milliseconds within) { lanes_[background_]->WantUpkeep(within); }
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
      sum.failed_commits += one.failed_commits;
    }
    return sum;
  }

 private:
  // A background transaction that takes longer means that the store does not respond.
  static constexpr auto kLongWrite = std::chrono::seconds(30);
  // The pause between two pieces of upkeep in the background lane, to leave the database time.
  static constexpr auto kBackgroundPause = std::chrono::milliseconds(5);

  const size_t conversation_lanes_;  // number of the first lanes
  size_t others_ = 0, background_ = 0;
  std::vector<std::unique_ptr<GroupCommit>> lanes_;
};

}  // namespace parley
