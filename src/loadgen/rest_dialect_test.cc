#include "loadgen/rest_dialect.h"

#include <gtest/gtest.h>

#include "test/support/silent_connection.h"

namespace parley::loadgen {
namespace {

class RestRecorder final : public test::SilentConnection {
 public:
  void Acknowledged(const Ack& ack) override { answers.push_back({ack.number, ack.kind}); }
  void Refused(std::string_view text, std::optional<uint64_t> number) override {
    refusals.emplace_back(number.value_or(99), text);
  }

  std::vector<std::pair<uint64_t, size_t>> answers;
  std::vector<std::pair<uint64_t, std::string>> refusals;
};

const RestDialect kDialect({"a", "b"}, {{{0, "/a"}, {1, "/b"}, {0, "/post", "c1"}}});
const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length:  4\r\nX: y\r\n\r\nbody";

TEST(RestDialectTest, AnswersAreCountedInOrderAndByKind) {
  RestRecorder recorder;
  EXPECT_EQ(kDialect.OnBytes(recorder, kAnswer + kAnswer), 2 * kAnswer.size());
  EXPECT_EQ(recorder.answers, (std::vector<std::pair<uint64_t, size_t>>{{0, 0}, {1, 1}}));
}

TEST(RestDialectTest, AnIncompleteAnswerIsNotConsumed) {
  RestRecorder recorder;
  for (size_t size = 0; size < kAnswer.size(); ++size)
    EXPECT_EQ(kDialect.OnBytes(recorder, std::string_view(kAnswer).substr(0, size)), 0U);
  EXPECT_TRUE(recorder.answers.empty());
}

TEST(RestDialectTest, AnAnswerWithAnErrorIsARefusalOfItsRequest) {
  RestRecorder recorder;
  kDialect.OnBytes(recorder, kAnswer + "HTTP/1.1 429 Slow\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(recorder.answers.size(), 1U);
  EXPECT_EQ(recorder.refusals,
            (std::vector<std::pair<uint64_t, std::string>>{{1, "HTTP/1.1 429 Slow {}"}}));
}

TEST(RestDialectTest, AnAnswerWithoutALengthIsRefused) {
  RestRecorder recorder;
  kDialect.OnBytes(recorder, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_EQ(recorder.refusals.size(), 1U);
  EXPECT_EQ(recorder.refusals[0].second, "an answer has no Content-Length: HTTP/1.1 200 OK");
}

// The length of the header section and this one add up to 0.
TEST(RestDialectTest, AnAnswerWithAnImpossibleLengthIsRefused) {
  RestRecorder recorder;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551559\r\n\r\n";
  ASSERT_EQ(head.size() + 18446744073709551559U, 0U);
  EXPECT_EQ(kDialect.OnBytes(recorder, head), head.size());
  EXPECT_EQ(recorder.refusals.size(), 1U);
}

TEST(RestDialectTest, AMemberSendsItsRequestsInTurn) {
  const Member member{.token = "T", .host = "h:1"};
  std::string out;
  kDialect.Encode(member, {.number = 4, .client_id = "i", .content = "c"}, out);
  EXPECT_EQ(out, "GET /b HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer T\r\n\r\n");
  out.clear();
  kDialect.Encode(member, {.number = 2, .client_id = "i", .content = "c"}, out);
  EXPECT_TRUE(out.starts_with("POST /post HTTP/1.1\r\nHost: h:1\r\n")) << out;
  EXPECT_TRUE(
      out.ends_with("\r\n\r\n{\"conversation_id\":\"c1\",\"client_id\":\"i\",\"content\":\"c\"}"))
      << out;
}

}  // namespace
}  // namespace parley::loadgen
