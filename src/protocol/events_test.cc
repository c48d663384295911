// The exact JSON of frames: clients depend on every name, and on null fields being present.
#include "protocol/events.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

#include "protocol/answers.h"
#include "protocol/objects.h"

namespace parley {
namespace {

const Uuid kRoom = *Uuid::Parse("0190b8a4-0000-7000-8000-000000000001");
const Uuid kId = *Uuid::Parse("0190b8a4-0000-7000-8000-000000000002");

constexpr std::string_view kOnline[] = {"bob"};

Message MakeMessage() {
  return {.id = kId,
          .conversation_id = kRoom,
          .seq = 7,
          .sender_id = "ann",
          .content = "hi \"there\"\n",
          .sent_at = {1'700'000'000'000'000}};
}

const std::string kMessage =
    R"({"id":"0190b8a4-0000-7000-8000-000000000002",)"
    R"("conversation_id":"0190b8a4-0000-7000-8000-000000000001","seq":7,"sender_id":"ann",)"
    R"("content":"hi \"there\"\n","content_type":"text","sent_at":"2023-11-14T22:13:20.000000Z",)"
    R"("delivered_at":null,"read_at":null,"edited_at":null,"deleted_at":null,"reply_to":null,)"
    R"("reactions":{},"attachments":[],"metadata":{},"client_id":null})";
const std::string kOfRoom = R"("conversation_id":"0190b8a4-0000-7000-8000-000000000001")";

// Proves: message object
TEST(EventsTest, AMessageHasEveryFieldNullWhenEmpty) {
  std::string out;
  AppendMessage(out, MakeMessage());
  EXPECT_EQ(out, kMessage);
}

TEST(EventsTest, OptionalFieldsOfAMessageAreWritten) {
  Message message = MakeMessage();
  message.sender_id = std::nullopt;
  message.reply_to = kRoom;
  message.deleted_at = Timestamp{0};
  message.metadata = R"({"a":1})";
  message.client_id = "c\\1";
  std::string out;
  AppendMessage(out, message);
  EXPECT_NE(out.find(R"("sender_id":null)"), std::string::npos);
  EXPECT_NE(out.find(R"("reply_to":"0190b8a4-0000-7000-8000-000000000001")"), std::string::npos);
  EXPECT_NE(out.find(R"("deleted_at":"1970-01-01T00:00:00.000000Z")"), std::string::npos);
  EXPECT_NE(out.find(R"("metadata":{"a":1},"client_id":"c\\1"})"), std::string::npos);
}

TEST(EventsTest, AMessageEventHasItsSeqInTheEnvelopeAndInTheMessage) {
  const EventRef event = MessageEvent(MakeMessage());
  EXPECT_EQ(event->conversation, kRoom);
  EXPECT_EQ(event->seq, 7);
  EXPECT_EQ(event->except_user, "");
  EXPECT_EQ(event->json,
            R"({"type":"message",)" + kOfRoom + R"(,"seq":7,"data":)" + kMessage + "}");
}

TEST(EventsTest, TypingIsEphemeralAndIsNotSentToItsUser) {
  const EventRef event = TypingEvent(kRoom, "ann", true);
  EXPECT_EQ(event->seq, 0);
  EXPECT_EQ(event->except_user, "ann");
  EXPECT_EQ(event->json, R"({"type":"typing_indicator",)" + kOfRoom +
                             R"(,"data":{"user_id":"ann","is_typing":true}})");
}

Conversation MakeConversation() {
  return {.id = kRoom,
          .type = ConversationType::kGroup,
          .title = "Team",
          .members = {{.user = "ann", .role = Role::kOwner, .joined_at = {0}},
                      {.user = "bob",
                       .role = Role::kMember,
                       .joined_at = {0},
                       .last_read_seq = 3,
                       .last_read_at = Timestamp{0}}},
          .participant_count = 2,
          .created_at = {0},
          .seq = 7};
}
const std::string kConversation =
    R"({"id":"0190b8a4-0000-7000-8000-000000000001","type":"group","title":"Team",)"
    R"("participants":["ann","bob"],"participant_count":2,)"
    R"("created_at":"1970-01-01T00:00:00.000000Z","last_message_at":null,"metadata":{},"seq":7)";

// Proves: conversation object
TEST(EventsTest, AConversationInAFrameOmitsTheFieldsOfTheReader) {
  const EventRef event = ConversationCreatedEvent(MakeConversation());
  EXPECT_EQ(event->seq, 0);
  EXPECT_EQ(event->json,
            R"({"type":"conversation_created",)" + kOfRoom + R"(,"data":)" + kConversation + "}}");
}

TEST(EventsTest, AConversationForAReaderHasUnreadLastMessageAndMembers) {
  const Message last = MakeMessage();
  std::string out;
  AppendConversation(out, MakeConversation(), ReaderPart{.unread_count = 4, .last_message = &last},
                     MemberList::kWithMembers);
  EXPECT_EQ(out, kConversation + R"(,"unread_count":4,"last_message":)" + kMessage +
                     R"(,"members":[{"user_id":"ann","role":"owner",)"
                     R"("joined_at":"1970-01-01T00:00:00.000000Z","last_read_seq":0,)"
                     R"("last_read_at":null},{"user_id":"bob","role":"member",)"
                     R"("joined_at":"1970-01-01T00:00:00.000000Z","last_read_seq":3,)"
                     R"("last_read_at":"1970-01-01T00:00:00.000000Z"}]})");
  out.clear();
  AppendConversation(out, MakeConversation(), ReaderPart{});
  EXPECT_EQ(out, kConversation + R"(,"unread_count":0,"last_message":null})");
}

TEST(EventsTest, HistoryNamesTheNextCursorOnlyWhenThereIsMore) {
  std::string out;
  AppendHistory(out, {MakeMessage()}, true);
  EXPECT_EQ(out, R"({"messages":[)" + kMessage +
                     R"(],"next_cursor":"0190b8a4-0000-7000-8000-000000000002","has_more":true})");
  out.clear();
  AppendHistory(out, {}, false);
  EXPECT_EQ(out, R"({"messages":[],"next_cursor":null,"has_more":false})");
}

TEST(EventsTest, AnswersCarryTheRefOfTheCommand) {
  EXPECT_EQ(AckFrame("r1", MakeMessage(), true),
            R"({"type":"ack","ref":"r1",)" + kOfRoom +
                R"(,"data":{"id":"0190b8a4-0000-7000-8000-000000000002","seq":7,)"
                R"("client_id":null,"duplicate":true}})");
  EXPECT_EQ(PlainAckFrame("r"), R"({"type":"ack","ref":"r","data":{}})");
  EXPECT_EQ(PongFrame(std::nullopt), R"({"type":"pong","data":{}})");
}

TEST(EventsTest, AnErrorHasItsCodeFieldsAndRetryDelay) {
  EXPECT_EQ(ErrorFrame(std::nullopt, std::nullopt, Error::NotFound()),
            R"({"type":"error","data":{"code":"not_found","message":"Not found."}})");
  Error error = Error::Field("content", "Is empty.");
  error.retry_after = std::chrono::milliseconds(1500);
  EXPECT_EQ(ErrorFrame("r", kRoom, error),
            R"({"type":"error","ref":"r",)" + kOfRoom +
                R"(,"data":{"code":"invalid_field","message":"content: Is empty.",)"
                R"("fields":{"content":["Is empty."]},"retry_after_ms":1500}})");
}

TEST(EventsTest, GapsAndResumesNameTheirSeqs) {
  EXPECT_EQ(GapFrame(kRoom, 2, 5, false),
            R"({"type":"gap",)" + kOfRoom + R"(,"data":{"from":2,"to":5}})");
  EXPECT_EQ(GapFrame(kRoom, 2, 5, true),
            R"({"type":"gap",)" + kOfRoom + R"(,"data":{"from":2,"to":5,"reset":true}})");
  EXPECT_EQ(ResumedFrame(std::nullopt, {{kRoom, 9}}),
            R"({"type":"resumed","data":{"conversations":)"
            R"({"0190b8a4-0000-7000-8000-000000000001":9}}})");
  EXPECT_EQ(ResumedFrame("r", {}), R"({"type":"resumed","ref":"r","data":{"conversations":{}}})");
}

TEST(EventsTest, TheGreetingHasTheUserTheSessionAndTheHeads) {
  const Greeting greeting{.user = "ann", .session_id = "s", .ping_interval_ms = 25000};
  const std::string user = R"("user_id":"ann","session_id":"s","ping_interval_ms":25000)";
  EXPECT_EQ(ConversationGreeting(greeting, kRoom, 7, kOnline),
            R"({"type":"connection_established",)" + kOfRoom + R"(,"data":{)" + user + "," +
                kOfRoom + R"(,"seq":7,"online":["bob"]}})");
  EXPECT_EQ(UserGreeting(greeting, {{kRoom, 7}}, "12", true),
            R"({"type":"connection_established","data":{)" + user +
                R"(,"conversations":{"0190b8a4-0000-7000-8000-000000000001":7},)"
                R"("cursor":"12","more":true}})");
}

TEST(EventsTest, TheKindOfAnEventIsTheTypeOfItsJson) {
  EXPECT_EQ(KindOf(MessageEvent(MakeMessage())->json), EventKind::kMessage);
  EXPECT_EQ(KindOf(ConversationDeletedEvent(kRoom)->json), EventKind::kConversationDeleted);
  EXPECT_EQ(KindOf(R"({"type":"invented"})"), EventKind::kUnknown);
  EXPECT_EQ(KindOf(""), EventKind::kUnknown);
  EXPECT_EQ(MessageEvent(MakeMessage())->kind, EventKind::kMessage);
  EXPECT_EQ(RemoteEventFrom({}, TypingEvent(kRoom, "ann", true)->json)->kind, EventKind::kTyping);
}

TEST(EventsTest, TypingPresenceAndReceiptsAreForSmallConversations) {
  EXPECT_EQ(TypingEvent(kRoom, "ann", true)->audience, Audience::kSmallConversations);
  EXPECT_EQ(PresenceEvent(kRoom, "ann", true)->audience, Audience::kSmallConversations);
  EXPECT_EQ(ReadReceiptEvent(kRoom, "ann", {}, 1)->audience, Audience::kSmallConversations);
  EXPECT_EQ(MessageEvent(MakeMessage())->audience, Audience::kEveryone);
  EXPECT_EQ(RemovalEvent(kRoom, "ann")->audience, Audience::kOneUser);
  EXPECT_EQ(RemovedUser(*RemovalEvent(kRoom, "ann")), "ann");
}

TEST(EventsTest, TheOnlineFramesOfAGreetingAreThoseOfTheEvents) {
  const std::vector<std::string_view> users = {"ann", "0190b8a4-0000-7000-8000-000000000003"};
  const auto frames = OnlineFrames(kRoom, users);
  ASSERT_EQ(frames.size(), 2u);
  for (size_t i = 0; i < users.size(); ++i) {
    EXPECT_EQ(frames[i], PresenceEvent(kRoom, UserId(users[i]), true)->json);
  }
  EXPECT_TRUE(OnlineFrames(kRoom, {}).empty());
}

// Proves: disconnect before a close
TEST(EventsTest, TheDisconnectFrameSaysWhetherAndWhenToReconnect) {
  EXPECT_EQ(DisconnectFrame(1012, "restart", true, 350),
            R"({"type":"disconnect","data":{"code":1012,"reason":"restart","reconnect":true,)"
            R"("delay_ms":350}})");
}

TEST(EventsTest, HostileTextIsEscaped) {
  Message message = MakeMessage();
  message.content = "\"},\"type\":\"x\\";
  for (char c = 0; c < 0x20; ++c) message.content += c;
  message.content += "\x7F</script>\u2028";
  message.sender_id = "a";
  simdjson::dom::parser parser;
  const std::string text = MessageEvent(message)->json;
  simdjson::dom::element root;
  ASSERT_EQ(parser.parse(text).get(root), simdjson::SUCCESS);
  std::string_view content;
  ASSERT_EQ(root["data"]["content"].get(content), simdjson::SUCCESS);
  EXPECT_EQ(content, message.content);
}

}  // namespace
}  // namespace parley
