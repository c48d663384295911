#include "hub/feed.h"

namespace parley {

void Feed::Start(int64_t head) {
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
  const bool whole = Walk(
      page, last_seq_,
      [this](int64_t from, int64_t to, bool reset) {
        sink_->SendGap(conversation_, from, to, reset);
        return true;
      },
      [this](const EventRef& event) { return sink_->SendEvent(*event) != SendStatus::kFull; });
  if (!whole) {
    state_ = State::kBehind;
    return;
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
