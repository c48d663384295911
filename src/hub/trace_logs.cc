#include "hub/trace_logs.h"

#include <algorithm>
#include <utility>

namespace parley {

struct TraceLogs::Search {
  Uuid conversation;
  int64_t seq = 0;
  Executor& on;
  Answer<Found> done;
  Found found;
  size_t shard = 0;
};

TraceLogs::TraceLogs(std::vector<Executor*> shards, const Clock& clock,
                     std::function<bool()> published)
    : shards_(std::move(shards)),
      clock_(clock),
      published_(std::move(published)),
      started_(clock.Now()) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    logs_.push_back(std::make_unique<TraceLog>(kEntries / shards_.size(), bytes_));
  }
}

void TraceLogs::OnEvent(const EventRef& event, const MemberChange&, uint64_t) {
  if (event->kind != EventKind::kMessage || event->seq == 0) return;
  logs_[ShardOf(event->conversation, logs_.size())]->Add({.conversation = event->conversation,
                                                          .first_seq = event->seq,
                                                          .last_seq = event->seq,
                                                          .at = clock_.Now(),
                                                          .stage = TraceStage::kCommitted,
                                                          .published = published_()});
}

void TraceLogs::Find(Uuid conversation, int64_t seq, Executor& on, Answer<Found> done) {
  auto search = std::make_shared<Search>(Search{.conversation = conversation,
                                                .seq = seq,
                                                .on = on,
                                                .done = std::move(done),
                                                .found = {.entries = {}, .since = started_}});
  Step(std::move(search));
}

void TraceLogs::Step(std::shared_ptr<Search> search) {
  if (search->shard == shards_.size()) {
    Executor& on = search->on;
    on.Post([search = std::move(search)] { search->done(std::move(search->found)); });
    return;
  }
  Executor& shard = *shards_[search->shard];
  shard.Post([this, search = std::move(search)]() mutable {
    const TraceLog& log = *logs_[search->shard++];
    for (TraceEntry& entry : log.Find(search->conversation, search->seq)) {
      search->found.entries.push_back(entry);
    }
    search->found.since = std::max(search->found.since, log.overwritten_until());
    Step(std::move(search));
  });
}

}  // namespace parley
