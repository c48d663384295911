// What passes between Parley's events and Django's messages.
#include <gtest/gtest.h>

#include "django/from_django.h"
#include "django/json_text.h"
#include "django/recent_ids.h"
#include "django/to_django.h"

namespace parley::django {
namespace {

const AllowedTypes kAllowed(std::vector<std::string>{"order.updated", "notice", "_hidden"});
const Uuid kConversation = Uuid::Parse("123e4567-e89b-12d3-a456-426614174000").value();
const std::string kId = "0190a0c0-0000-7000-8000-000000000001";

std::string Sent(std::string_view json) {
  const auto message = ToDjango(ParseJson(json).value(), kAllowed);
  return message ? JsonOf(*message) : "nothing";
}

TEST(ToDjango, SendsTheTypesOfTheGuide) {
  EXPECT_EQ(Sent(R"({"type":"message","conversation_id":"c","seq":7,"data":{"id":"1","seq":7}})"),
            R"({"type":"chat_message","message":{"id":"1","seq":7}})");
  EXPECT_EQ(Sent(R"({"type":"message_updated","seq":8,"data":{"id":"1"}})"),
            R"({"type":"message_updated","message":{"id":"1"}})");
  EXPECT_EQ(Sent(R"({"type":"message_deleted","seq":9,"data":{"message_id":"1"}})"),
            R"({"type":"message_deleted","message_id":"1"})");
  EXPECT_EQ(Sent(R"({"type":"conversation_updated","seq":9,"data":{"id":"c"}})"),
            R"({"type":"conversation_updated","conversation":{"id":"c"}})");
  EXPECT_EQ(
      Sent(R"({"type":"read_receipt","data":{"user_id":"u","message_ids":["1"],"up_to_seq":3}})"),
      R"({"type":"read_receipt","user_id":"u","message_ids":["1"]})");
  EXPECT_EQ(Sent(R"({"type":"typing_indicator","data":{"user_id":"u","is_typing":true}})"),
            R"({"type":"typing_indicator","user_id":"u","is_typing":true})");
  EXPECT_EQ(Sent(R"({"type":"user_online","data":{"user_id":"u"}})"),
            R"({"type":"user_online","user_id":"u"})");
  EXPECT_EQ(Sent(R"({"type":"user_offline","data":{"user_id":"u"}})"),
            R"({"type":"user_offline","user_id":"u"})");
}

TEST(ToDjango, SendsNothingThatEndsAConsumer) {
  for (const char* const json :
       {R"({"type":"conversation_created","data":{"id":"c"}})",
        R"({"type":"conversation_deleted","data":{"conversation_id":"c"}})",
        R"({"type":"conversation_left","data":{}})", R"({"type":"gap","data":{"from":1,"to":2}})",
        R"({"type":"ack","data":{}})", R"({"type":"message"})", R"({"type":"message","data":[]})",
        R"({"type":"message_deleted","data":{}})",
        R"({"type":"typing_indicator","data":{"user_id":"u"}})",
        R"({"type":"typing_indicator","data":{"user_id":"u","is_typing":"yes"}})",
        R"({"type":"read_receipt","data":{"message_ids":[]}})", R"({"data":{}})", "[]", "7",
        R"({"type":"event","data":{"name":"unknown","payload":{}}})",
        R"({"type":"event","data":{"name":"_hidden","payload":{}}})",
        R"({"type":"event","data":{"payload":{}}})"}) {
    EXPECT_EQ(Sent(json), "nothing") << json;
  }
}

TEST(ToDjango, SendsAllowedApplicationEvents) {
  EXPECT_EQ(Sent(R"({"type":"event","data":{"name":"order.updated","payload":{"id":1,"type":"x",)"
                 R"("__asgi_channel__":"y"}}})"),
            R"({"type":"order.updated","id":1})");
  EXPECT_EQ(Sent(R"({"type":"event","data":{"name":"notice","payload":[1]}})"),
            R"({"type":"notice","payload":[1]})");
  EXPECT_EQ(Sent(R"({"type":"event","data":{"name":"notice"}})"), R"({"type":"notice"})");
}

std::variant<DjangoEvent, Discarded> Translate(std::string_view json) {
  return FromDjango(kConversation, ParseJson(json).value(), kAllowed, Timestamp{0});
}
DjangoEvent Received(std::string_view json) {
  const auto result = Translate(json);
  if (const auto* const event = std::get_if<DjangoEvent>(&result)) return *event;
  ADD_FAILURE() << json;
  return {};
}
std::string Discards(std::string_view json) {
  const auto result = Translate(json);
  const auto* const discarded = std::get_if<Discarded>(&result);
  if (discarded == nullptr) return "accepted";
  return *discarded == Discarded::kMalformed ? "malformed" : "ignored";
}

std::string Chat(std::string_view message, std::string_view more = "") {
  return R"({"type":"chat_message","message":{)" + std::string(message) + "}" + std::string(more) +
         "}";
}

TEST(FromDjango, AMessageOfTheConsumer) {
  const DjangoEvent event = Received(Chat(
      R"("id":")" + kId +
      R"(","conversation_id":"123E4567-E89B-12D3-A456-426614174000","sender_id":42,"content":"hi",)"
      R"("content_type":"Text","sent_at":"2026-01-02T03:04:05+00:00","metadata":{"n":1.0}})"
      R"(,"x":{)"));
  ASSERT_TRUE(event.message);
  EXPECT_EQ(event.kind, EventKind::kMessage);
  EXPECT_EQ(event.conversation, kConversation);
  EXPECT_EQ(event.message_id.ToString(), kId);
  EXPECT_EQ(event.message->sender_id, "42");
  EXPECT_EQ(event.json,
            R"({"type":"message","conversation_id":"123e4567-e89b-12d3-a456-426614174000",)"
            R"("stored":false,"data":{"id":")" +
                kId +
                R"(","conversation_id":"123e4567-e89b-12d3-a456-426614174000","seq":null,)"
                R"("sender_id":"42","content":"hi","content_type":"text",)"
                R"("sent_at":"2026-01-02T03:04:05.000000Z","delivered_at":null,"read_at":null,)"
                R"("edited_at":null,"deleted_at":null,"reply_to":null,"reactions":{},)"
                R"("attachments":[],"metadata":{"n":1.0},"client_id":null}})");
}

TEST(FromDjango, AMessageOfTheSignal) {
  const DjangoEvent event =
      Received(R"({"type":"chat.message","event":"message.created","message":{"id":")" + kId +
               R"(","conversation":{"id":"123e4567-e89b-12d3-a456-426614174000"},)"
               R"("sender":{"id":"F47AC10B-58CC-4372-A567-0E02B2C3D479"},"content":""}})");
  ASSERT_TRUE(event.message);
  EXPECT_EQ(event.kind, EventKind::kMessage);
  EXPECT_EQ(event.message->sender_id, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
  EXPECT_EQ(event.message->content_type, "text");
  EXPECT_EQ(event.message->metadata, "{}");
}

TEST(FromDjango, UpdatesAndDeletions) {
  const std::string message = R"("id":")" + kId + R"(","content":"new")";
  const auto kind = [&](std::string_view json) { return Received(json).kind; };
  EXPECT_EQ(kind(Chat(message, R"(,"event":"message.updated")")), EventKind::kMessageUpdated);
  EXPECT_EQ(kind(Chat(message, R"(,"event":"message.deleted")")), EventKind::kMessageDeleted);
  EXPECT_EQ(kind(R"({"type":"message_updated","message":{)" + message + "}}"),
            EventKind::kMessageUpdated);
  const DjangoEvent deleted = Received(R"({"type":"message.deleted","message_id":")" + kId + "\"}");
  EXPECT_EQ(deleted.kind, EventKind::kMessageDeleted);
  EXPECT_EQ(deleted.json, R"({"type":"message_deleted","conversation_id":")"
                          R"(123e4567-e89b-12d3-a456-426614174000","stored":false,)"
                          R"("data":{"message_id":")" +
                              kId + "\"}}");
  EXPECT_EQ(kind(R"({"type":"conversation_updated","conversation":{"id":"c"}})"),
            EventKind::kConversationUpdated);
}

TEST(FromDjango, NoticesAboutUsers) {
  const DjangoEvent typing =
      Received(R"({"type":"typing_indicator","user_id":42,"is_typing":true,"more":1})");
  EXPECT_EQ(typing.kind, EventKind::kTyping);
  EXPECT_EQ(typing.user, "42");
  EXPECT_EQ(typing.json, R"({"type":"typing_indicator","conversation_id":)"
                         R"("123e4567-e89b-12d3-a456-426614174000",)"
                         R"("data":{"user_id":"42","is_typing":true}})");
  EXPECT_EQ(Received(R"({"type":"user.online","user_id":"ann"})").kind, EventKind::kUserOnline);
  EXPECT_EQ(Received(R"({"type":"user_offline","user_id":"ann"})").kind, EventKind::kUserOffline);
  const DjangoEvent receipt =
      Received(R"({"type":"read_receipt","user_id":"ann","message_ids":[")" + kId + "\"]}");
  EXPECT_NE(receipt.json.find(R"("data":{"user_id":"ann","message_ids":[")" + kId + "\"]}"),
            std::string::npos);
}

TEST(FromDjango, ApplicationEvents) {
  const DjangoEvent event =
      Received(R"({"type":"order.updated","order":{"id":18446744073709551615}})");
  EXPECT_EQ(event.kind, EventKind::kApplication);
  EXPECT_EQ(event.json,
            R"({"type":"event","conversation_id":"123e4567-e89b-12d3-a456-426614174000",)"
            R"("data":{"name":"order.updated",)"
            R"("payload":{"order":{"id":18446744073709551615}}}})");
  EXPECT_EQ(Received(R"({"type":"order_updated"})").kind, EventKind::kApplication);

  const auto to_user = [](std::string_view json) {
    return FromDjango(UserId("ann"), ParseJson(json).value(), kAllowed);
  };
  const auto notice = to_user(R"({"type":"notice","a":1})");
  ASSERT_TRUE(std::holds_alternative<DjangoEvent>(notice));
  EXPECT_EQ(std::get<DjangoEvent>(notice).to_user, "ann");
  EXPECT_EQ(std::get<DjangoEvent>(notice).json,
            R"({"type":"event","data":{"name":"notice","payload":{"a":1}}})");
  EXPECT_EQ(std::get<Discarded>(to_user(R"({"type":"user_online","user_id":"a"})")),
            Discarded::kIgnored);
  EXPECT_EQ(std::get<Discarded>(to_user("{}")), Discarded::kMalformed);
}

TEST(FromDjango, DiscardsWhatIsMalformed) {
  const std::string id = R"("id":")" + kId + "\"";
  for (const std::string& json : std::vector<std::string>{
           "{}",
           R"({"type":7})",
           R"({"type":""})",
           R"({"type":"_private"})",
           R"({"type":".private"})",
           R"({"type":"chat_message"})",
           R"({"type":"chat_message","message":"hi"})",
           Chat(R"("content":"no id")"),
           Chat(R"("id":"x","content":"c")"),
           Chat(id),
           Chat(id + R"(,"content":7)"),
           Chat(id + R"(,"content":"c","conversation_id":"0190a0c0-0000-7000-8000-000000000009")"),
           Chat(id + R"(,"content":"c","conversation_id":7)"),
           R"({"type":"message_updated","message":{}})",
           R"({"type":"message_deleted"})",
           R"({"type":"message_deleted","message_id":7})",
           R"({"type":"conversation_updated"})",
           R"({"type":"read_receipt","user_id":"a"})",
           R"({"type":"read_receipt","user_id":"a","message_ids":["x"]})",
           R"({"type":"typing_indicator","user_id":"a"})",
           R"({"type":"typing_indicator","user_id":"a b","is_typing":true})",
           R"({"type":"user_online","user_id":1.5})",
           R"({"type":"user_online","user_id":null})"}) {
    EXPECT_EQ(Discards(json), "malformed") << json;
  }
}

TEST(FromDjango, IgnoresOtherTypes) {
  EXPECT_EQ(Discards(R"({"type":"chat.conversation","conversation":{}})"), "ignored");
  EXPECT_EQ(Discards(R"({"type":"order.created"})"), "ignored");
  EXPECT_EQ(Discards(R"({"type":"Chat_Message","message":{}})"), "ignored");
  EXPECT_EQ(Discards(Chat("", R"(,"event":"message.pinned")")), "ignored");
}

TEST(FromDjango, UnusableOptionalFieldsCountAsAbsent) {
  const DjangoEvent event =
      Received(Chat(R"("id":")" + kId +
                    R"(","content":"c","sender_id":"a b","content_type":"<b>",)"
                    R"("sent_at":"yesterday","metadata":[])"));
  ASSERT_TRUE(event.message);
  EXPECT_FALSE(event.message->sender_id);
  EXPECT_EQ(event.message->content_type, "text");
  EXPECT_EQ(event.message->sent_at, Timestamp{0}) << "now";
  EXPECT_EQ(event.message->metadata, "{}");
}

TEST(RecentIdsOfMessages, AreBoundedInNumberAndTime) {
  using namespace std::chrono_literals;
  RecentIds ids(2, 10s);
  const Uuid one{{1}}, two{{2}}, three{{3}};
  EXPECT_TRUE(ids.Add(one, Monotonic(0s)));
  EXPECT_FALSE(ids.Add(one, Monotonic(9s)));
  EXPECT_TRUE(ids.Add(two, Monotonic(9s)));
  EXPECT_TRUE(ids.Add(one, Monotonic(10s))) << "too long ago";
  EXPECT_TRUE(ids.Add(three, Monotonic(10s)));
  EXPECT_FALSE(ids.Add(three, Monotonic(10s)));
  EXPECT_TRUE(ids.Add(two, Monotonic(10s))) << "among the oldest";
}

}  // namespace
}  // namespace parley::django
