// The logs that a node follows to learn of other nodes' writes (LogFollower), whether or not the bus
// delivered them.
#pragma once
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/access_change.h"
#include "store/head_store.h"

namespace parley {

struct ChangedHeads {
  std::vector<UserConversationHead> heads;  // of conversations that exist
  LogPage page;
};

// Threads and common errors: store/store.h.
class FollowedLogs {
 public:
  virtual ~FollowedLogs() = default;
  // Joins, removals and deletions of the last day.
  virtual void ListAccessChanges(LogQuery query, Executor& on, Answer<AccessChanges> done) = 0;
  // Heads that have moved. Heads have no times: a page without `from` has no rows.
  virtual void ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) = 0;
  // Conversations with changes by other writers that ChangeStore::Adopt has not numbered, the oldest
  // first. Only for a store that IsTakenOver.
  virtual void ListInbox(int limit, Executor& on, Answer<std::vector<Uuid>> done) = 0;
};

}  // namespace parley
