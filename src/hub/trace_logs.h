// The trace logs of all shards of a node. As a tap, it records the messages that this node commits. Threads:
// a log is used on its shard only; Find from any thread.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "hub/event_tap.h"
#include "hub/trace_log.h"

namespace parley {

class TraceLogs final : public EventTap {
 public:
  // On a node: room for about 65,536 messages, each with its commit and its delivery on up to two shards.
  static constexpr size_t kEntries = 3 * 65'536;

  struct Found {
    std::vector<TraceEntry> entries;  // of all shards, in no order
    Timestamp since;                  // earlier stages are not recorded any longer
  };

  // `published`: whether events are handed to a bus at present; any thread.
  TraceLogs(std::vector<Executor*> shards, const Clock& clock, std::function<bool()> published);

  TraceLog& of(unsigned shard) { return *logs_[shard]; }
  void OnEvent(const EventRef& event, const MemberChange& members, uint64_t epoch) override;
  void OnTyping(const TypingUpdate&) override {}

  // Reads the log of each shard on its thread, then calls `done` on `on`.
  void Find(Uuid conversation, int64_t seq, Executor& on, Answer<Found> done);
  int64_t bytes() const { return bytes_.value(); }

 private:
  struct Search;
  void Step(std::shared_ptr<Search> search);

  const std::vector<Executor*> shards_;
  const Clock& clock_;
  const std::function<bool()> published_;
  const Timestamp started_;
  Gauge bytes_;
  std::vector<std::unique_ptr<TraceLog>> logs_;
};

}  // namespace parley
