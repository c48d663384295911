// A subscriber that ignores everything; a test overrides what it observes.
#pragma once
#include "hub/feed.h"

namespace parley::test {

class SilentFeedSink : public FeedSink {
 public:
  SendStatus SendEvent(const Event&) override { return SendStatus::kQueued; }
  void SendEphemeral(const Event&) override {}
  bool SendPresence(std::span<const EventRef>) override { return false; }
  void SendGap(const Uuid&, int64_t, int64_t, bool) override {}
  void Fetch(Feed&) override {}
  void FetchFailed(Feed&) override {}
  void Fetched(Feed&) override {}
  void CaughtUp(Feed&) override {}
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed&, const Event&) override {}

 private:
  const UserId user_ = "ann";
};

}  // namespace parley::test
