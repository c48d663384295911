// The sink of a dialect that ignores everything; a test overrides what it observes.
#pragma once
#include "loadgen/dialect.h"

namespace parley::test {

class SilentConnection : public loadgen::Connection {
 public:
  const loadgen::Member& member() const override { return member_; }
  size_t index() const override { return 0; }
  uint64_t& state() override { return state_; }
  void Write(std::string_view) override {}
  void Ready(std::optional<int64_t>) override {}
  void CaughtUp() override {}
  void Acknowledged(const loadgen::Ack&) override {}
  void Delivered(const loadgen::Delivery&) override {}
  bool checked() const override { return true; }
  void DeliveredUnchecked() override {}
  void Foreign(int64_t) override {}
  void Refused(std::string_view, std::optional<uint64_t>) override {}
  void ReconnectAfter(int64_t) override {}

 private:
  loadgen::Member member_;
  uint64_t state_ = 0;
};

}  // namespace parley::test
