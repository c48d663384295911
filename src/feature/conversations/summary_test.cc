#include "feature/conversations/summary.h"

#include <gtest/gtest.h>

#include "protocol/json_reader.h"
#include "protocol/objects.h"

namespace parley {
namespace {

Summary Sample(const Uuid& conversation) {
  Message message{.id = *Uuid::Parse("0190b8a4-7c1e-7abc-8def-0123456789ab"),
                  .conversation_id = conversation,
                  .seq = 7,
                  .sender_id = "ann",
                  .content = "quote \" and \n and \xF0\x9F\x98\x80",
                  .sent_at = {1'700'000'000'123'456},
                  .edited_at = Timestamp{1'700'000'001'000'001},
                  .reply_to = *Uuid::Parse("0190b8a4-7c1e-7abc-8def-0123456789ac"),
                  .metadata = R"({"n":1.10,"long":12345678901234567890})",
                  .client_id = "c-1"};
  for (const char* name : {"a.txt", "b \"c\".png"}) {
    message.attachments.push_back({.id = *Uuid::Parse("0190b8a4-7c1e-7abc-8def-0123456789ad"),
                                   .filename = name,
                                   .content_type = "text/plain",
                                   .file_size = 5,
                                   .uploaded_by = "ann",
                                   .uploaded_at = {1'700'000'000'000'000},
                                   .message_id = message.id,
                                   .metadata = R"({"w":1.0})"});
  }
  return {.seq = 9,
          .changed = 1'700'000'002'000'000,
          .epoch = 0xFFFF'FFFF'FFFF'FFFF,
          .participants = {"ann", "auth0|5f7c"},
          .last_message = message};
}

const Uuid kRoom = *Uuid::Parse("0190b8a4-7c1e-7abc-8def-000000000001");
const Uuid kOther = *Uuid::Parse("0190b8a4-7c1e-7abc-8def-000000000002");

std::string JsonOf(const Message& message) {
  std::string out;
  AppendMessage(out, message);
  return out;
}

TEST(Summary, ARoundTripKeepsEveryFieldAndDigit) {
  JsonReader reader(16);
  const Summary summary = Sample(kRoom);
  const auto parsed = ParseSummary(reader, SummaryJson(kRoom, summary), kRoom);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->seq, 9);
  EXPECT_EQ(parsed->changed, summary.changed);
  EXPECT_EQ(parsed->epoch, summary.epoch);
  EXPECT_EQ(parsed->participants, summary.participants);
  EXPECT_EQ(JsonOf(*parsed->last_message), JsonOf(*summary.last_message));
}

TEST(Summary, AConversationWithoutMessagesHasNone) {
  JsonReader reader(16);
  Summary summary = Sample(kRoom);
  summary.last_message.reset();
  const auto parsed = ParseSummary(reader, SummaryJson(kRoom, summary), kRoom);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->last_message);
}

TEST(Summary, ASummaryOfAnotherConversationIsRefused) {
  JsonReader reader(16);
  EXPECT_FALSE(ParseSummary(reader, SummaryJson(kRoom, Sample(kRoom)), kOther));
  EXPECT_FALSE(ParseSummary(reader, SummaryJson(kRoom, Sample(kOther)), kRoom))
      << "its message is of another one";
}

TEST(Summary, TextWithAMissingFieldIsRefused) {
  JsonReader reader(16);
  const std::string text = SummaryJson(kRoom, Sample(kRoom));
  for (const char* field :
       {"\"conversation_id\"", "\"seq\"", "\"changed\"", "\"epoch\"", "\"participants\"",
        "\"content\"", "\"sent_at\"", "\"attachments\"", "\"filename\""}) {
    std::string changed = text;
    changed.replace(changed.rfind(field), 3, "\"xx");
    EXPECT_FALSE(ParseSummary(reader, changed, kRoom)) << field;
  }
  for (const char* other : {"", "null", "[]", "{}", "7", "{\"seq\":1}"}) {
    EXPECT_FALSE(ParseSummary(reader, other, kRoom)) << other;
  }
}

}  // namespace
}  // namespace parley
