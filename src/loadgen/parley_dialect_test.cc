#include "loadgen/parley_dialect.h"

#include <gtest/gtest.h>

#include "loadgen/stamp.h"

namespace parley::loadgen {
namespace {

class Recorder final : public Connection {
 public:
  const Member& member() const override { return member_; }
  size_t index() const override { return 0; }
  uint64_t& state() override { return state_; }
  void Write(std::string_view) override {}
  void Ready(std::optional<int64_t>) override {}
  void CaughtUp() override {}
  void Acknowledged(const Ack&) override {}
  void Delivered(const Delivery& delivery) override { deliveries.push_back(delivery); }
  bool checked() const override { return true; }
  void DeliveredUnchecked() override {}
  void Foreign(int64_t) override {}
  void Refused(std::string_view text, std::optional<uint64_t>) override {
    refusals.emplace_back(text);
  }
  void ReconnectAfter(int64_t) override {}

  std::vector<Delivery> deliveries;
  std::vector<std::string> refusals;

 private:
  Member member_;
  uint64_t state_ = 0;
};

std::string Event(const std::string& seq, const std::string& client_id) {
  return R"({"type":"message","seq":)" + seq + R"(,"data":{"content":")" +
         StampedContent(5, 0, 0, 0) + R"(","client_id":")" + client_id + "\"}}";
}

TEST(ParleyDialectTest, ADeliveryIsNamedByItsClientId) {
  Recorder recorder;
  ParleyDialect("run").OnText(recorder, Event("7", "run-3-12"));
  ASSERT_EQ(recorder.deliveries.size(), 1U);
  EXPECT_EQ(recorder.deliveries[0].sender, 3U);
  EXPECT_EQ(recorder.deliveries[0].number, 12U);
  EXPECT_EQ(recorder.deliveries[0].seq, 7);
}

TEST(ParleyDialectTest, AMessageThatNoServerSendsIsRefused) {
  for (const char* client_id : {"run", "run-", "run-3", "run-3-", "run--3-1", "run-3--1"}) {
    Recorder recorder;
    ParleyDialect("run").OnText(recorder, Event("7", client_id));
    EXPECT_EQ(recorder.refusals.size(), 1U) << client_id;
  }
  Recorder recorder;
  ParleyDialect("run").OnText(recorder, Event("-1", "run-3-12"));
  EXPECT_EQ(recorder.refusals, std::vector<std::string>{"a message has a negative seq"});
  EXPECT_TRUE(recorder.deliveries.empty());
}

}  // namespace
}  // namespace parley::loadgen
