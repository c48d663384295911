#include "loadgen/parley_dialect.h"

#include <gtest/gtest.h>

#include "loadgen/stamp.h"
#include "test/support/silent_connection.h"

namespace parley::loadgen {
namespace {

class Recorder final : public test::SilentConnection {
 public:
  void Delivered(const Delivery& delivery) override { deliveries.push_back(delivery); }
  void Refused(std::string_view text, std::optional<uint64_t>) override {
    refusals.emplace_back(text);
  }

  std::vector<Delivery> deliveries;
  std::vector<std::string> refusals;
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
