#include "hub/tail.h"

#include <algorithm>

namespace parley {

void Tail::Push(EventRef event) {
  if (head_ < events_.size() && event->seq != events_.back()->seq + 1) Clear();
  bytes_ += CostOf(*event);
  events_.push_back(std::move(event));
  while (events_.size() - head_ > kMaxEvents ||
         (bytes_ > kMaxBytes && events_.size() - head_ > 1)) {
    DropFront();
  }
}

void Tail::Clear() {
  events_.clear();
  events_.shrink_to_fit();
  head_ = bytes_ = 0;
}

void Tail::Forget(int64_t about_seq) {
  for (size_t i = events_.size(); i > head_; --i) {
    if (events_[i - 1]->about_seq != about_seq) continue;
    const int64_t last = events_[i - 1]->seq;
    while (head_ < events_.size() && events_[head_]->seq <= last) DropFront();
    return;
  }
}

bool Tail::Holds(const Event& event) const {
  if (head_ == events_.size()) return false;
  const int64_t first = events_[head_]->seq;
  if (event.seq < first || event.seq > events_.back()->seq) return false;
  return SameChange(*events_[head_ + static_cast<size_t>(event.seq - first)], event);
}

void Tail::DropFront() {
  bytes_ -= CostOf(*events_[head_]);
  events_[head_++] = nullptr;
  if (head_ >= 64) {
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::vector<EventRef> Tail::After(int64_t since, size_t max_events, size_t max_bytes) const {
  std::vector<EventRef> out;
  const int64_t first = events_[head_]->seq;
  size_t bytes = 0;
  for (size_t i = head_ + static_cast<size_t>(std::max<int64_t>(0, since + 1 - first));
       i < events_.size() && out.size() < max_events; ++i) {
    bytes += events_[i]->json.size();
    if (!out.empty() && bytes > max_bytes) break;
    out.push_back(events_[i]);
  }
  return out;
}

}  // namespace parley
