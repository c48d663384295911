#include "hub/feed.h"

namespace parley {

void Feed::Go(int64_t head) {
  if (state_ != State::kHeld) return;
  if (head == last_seq_) {
    state_ = State::kLive;
  } else {
    StartFetch();
  }
}

void Feed::Resume(int64_t seq) {
  last_seq_ = seq;
  resuming_ = true;
  StartFetch();
}

void Feed::StartFetch() {
  state_ = State::kFetching;
  sink_->Fetch(*this);
}

void Feed::OnPage(const Page& page) {
  // Ignores pages requested before a resume, and duplicate pages.
  if (state_ != State::kFetching || page.since != last_seq_) return;
  if (page.reset) {
    sink_->SendGap(conversation_, page.head + 1, page.since, true);
    last_seq_ = page.head;
  }
  for (const EventRef& event : page.events) {
    if (event->seq <= last_seq_) continue;
    if (event->seq > last_seq_ + 1) {
      sink_->SendGap(conversation_, last_seq_ + 1, event->seq - 1, false);
      last_seq_ = event->seq - 1;
    }
    if (sink_->SendEvent(*event) == SendStatus::kFull) {
      state_ = State::kBehind;
      return;
    }
    last_seq_ = event->seq;
  }
  if (page.through > last_seq_) {
    sink_->SendGap(conversation_, last_seq_ + 1, page.through, false);
    last_seq_ = page.through;
  }
  if (last_seq_ < page.head) {
    // A page without progress would be the same again: retry later.
    return last_seq_ == page.since ? sink_->FetchFailed(*this) : StartFetch();
  }
  state_ = State::kLive;
  if (resuming_) {
    resuming_ = false;
    sink_->CaughtUp(*this);
  }
}

void Feed::Rewind(int64_t seq) {
  if (state_ == State::kHeld || last_seq_ <= seq) return;
  sink_->SendGap(conversation_, seq + 1, last_seq_, true);
  last_seq_ = seq;
  if (state_ == State::kFetching) StartFetch();
}

void Feed::OnPageFailed(int64_t since) {
  if (state_ == State::kFetching && since == last_seq_) sink_->FetchFailed(*this);
}

}  // namespace parley
