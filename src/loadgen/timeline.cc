#include "loadgen/timeline.h"

#include <utility>

namespace parley::loadgen {

void Timeline::Begin(size_t loops, OnSecond on_second) {
  const MutexLock lock(mutex_);
  on_second_ = std::move(on_second);
  complete_.clear();
  open_.clear();
  next_.assign(loops, 0);
}

void Timeline::End(size_t loop, const Second& counts, const Histogram& delivery, uint64_t ready) {
  const MutexLock lock(mutex_);
  const size_t at = next_[loop]++ - complete_.size();
  while (open_.size() <= at) open_.emplace_back();
  Open& open = open_[at];
  open.second.sent += counts.sent;
  open.second.acked += counts.acked;
  open.second.delivered += counts.delivered;
  open.second.in_flight += counts.in_flight;
  open.second.ready = ready;
  open.delivery.Add(delivery);
  ++open.ended;
  while (!open_.empty() && open_.front().ended == next_.size()) CompleteFirst();
}

void Timeline::CompleteFirst() {
  Second second = open_.front().second;
  const Histogram& delivery = open_.front().delivery;
  second.p50 = delivery.Percentile(0.5);
  second.p99 = delivery.Percentile(0.99);
  second.max = delivery.max();
  open_.pop_front();
  complete_.push_back(second);
  if (on_second_) on_second_(second);
}

std::vector<Second> Timeline::Finish(bool keep_empty) {
  const MutexLock lock(mutex_);
  while (!open_.empty()) CompleteFirst();
  if (!keep_empty && !complete_.empty()) {
    const Second& last = complete_.back();
    if (last.sent + last.acked + last.delivered == 0) complete_.pop_back();
  }
  return std::exchange(complete_, {});
}

}  // namespace parley::loadgen
