#include "protocol/answers.h"

#include "protocol/envelope.h"
#include "protocol/error_fields.h"
#include "protocol/objects.h"

namespace parley {
namespace {

void WriteSeqs(JsonWriter& json, const ConversationSeqs& seqs) {
  json.BeginObject();
  for (const auto& [conversation, seq] : seqs) {
    json.Key(conversation.ToString());
    json.Int(seq);
  }
  json.EndObject();
}

void WriteUsers(JsonWriter& json, std::span<const std::string_view> users) {
  json.BeginArray();
  for (const std::string_view user : users) json.String(user);
  json.EndArray();
}

void WriteGreeting(JsonWriter& json, const Greeting& greeting) {
  json.Field("user_id", std::string_view(greeting.user));
  json.Field("session_id", std::string_view(greeting.session_id));
  json.Field("ping_interval_ms", greeting.ping_interval_ms);
}

}  // namespace

std::string AckFrame(const Ref& ref, const Message& message, bool duplicate) {
  Envelope frame("ack");
  JsonWriter& data = frame.WithRef(ref).OfConversation(message.conversation_id).Data();
  data.Field("id", message.id);
  data.Field("seq", message.seq);
  data.Field("client_id", message.client_id);
  data.Field("duplicate", duplicate);
  return frame.Done();
}

std::string ChangeAckFrame(const Ref& ref, const Change& change) {
  Envelope frame("ack");
  JsonWriter& data = frame.WithRef(ref).OfConversation(change.message.conversation_id).Data();
  data.Field("id", change.message.id);
  data.Key("seq");
  if (change.seq == 0) {
    data.Null();
  } else {
    data.Int(change.seq);
  }
  return frame.Done();
}

std::string PlainAckFrame(const Ref& ref) {
  Envelope frame("ack");
  frame.WithRef(ref).Data();
  return frame.Done();
}

std::string ErrorFrame(const Ref& ref, const std::optional<Uuid>& conversation,
                       const Error& error) {
  Envelope frame("error");
  frame.WithRef(ref);
  if (conversation) frame.OfConversation(*conversation);
  JsonWriter& data = frame.Data();
  data.Field("code", Name(error.code));
  data.Field("message", std::string_view(error.detail));
  if (!error.reason.empty()) data.Field("reason", error.reason);
  if (!error.fields.empty()) {
    data.Key("fields");
    data.BeginObject();
    AppendErrorFields(data, error);
    data.EndObject();
  }
  if (error.retry_after) {
    data.Field("retry_after_ms", static_cast<int64_t>(error.retry_after->count()));
  }
  return frame.Done();
}

std::string PongFrame(const Ref& ref) {
  Envelope frame("pong");
  frame.WithRef(ref).Data();
  return frame.Done();
}

std::string HistoryFrame(const Ref& ref, const Uuid& conversation,
                         const std::vector<Message>& messages, bool has_more) {
  Envelope frame("message_history");
  frame.WithRef(ref).OfConversation(conversation);
  frame.DataFrom([&](std::string& out) { AppendHistory(out, messages, has_more); });
  return frame.Done();
}

std::string GapFrame(const Uuid& conversation, int64_t from, int64_t to, bool reset) {
  Envelope frame("gap");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  data.Field("from", from);
  data.Field("to", to);
  if (reset) data.Field("reset", true);
  return frame.Done();
}

std::string ConversationLeftFrame(const Uuid& conversation) {
  Envelope frame("conversation_left");
  frame.OfConversation(conversation).Data().Field("conversation_id", conversation);
  return frame.Done();
}

std::string ResumedFrame(const Ref& ref, const ConversationSeqs& conversations) {
  Envelope frame("resumed");
  JsonWriter& data = frame.WithRef(ref).Data();
  data.Key("conversations");
  WriteSeqs(data, conversations);
  return frame.Done();
}

std::string ConversationGreeting(const Greeting& greeting, const Uuid& conversation, int64_t seq,
                                 std::span<const std::string_view> online) {
  Envelope frame("connection_established");
  JsonWriter& data = frame.OfConversation(conversation).Data();
  WriteGreeting(data, greeting);
  data.Field("conversation_id", conversation);
  data.Field("seq", seq);
  data.Key("online");
  WriteUsers(data, online);
  return frame.Done();
}

std::vector<std::string> OnlineFrames(const Uuid& conversation,
                                      std::span<const std::string_view> users) {
  std::string start = "{\"type\":\"user_online\",\"conversation_id\":\"";
  AppendUuid(start, conversation);
  start += "\",\"data\":{\"user_id\":";
  std::vector<std::string> frames;
  frames.reserve(users.size());
  for (const std::string_view user : users) {
    std::string& frame = frames.emplace_back();
    frame.reserve(start.size() + user.size() + 4);
    frame += start;
    AppendJsonString(frame, user);
    frame += "}}";
  }
  return frames;
}

std::string UserGreeting(const Greeting& greeting, const ConversationSeqs& heads,
                         std::string_view cursor, bool more) {
  Envelope frame("connection_established");
  JsonWriter& data = frame.Data();
  WriteGreeting(data, greeting);
  data.Key("conversations");
  WriteSeqs(data, heads);
  data.Field("cursor", cursor);
  data.Field("more", more);
  return frame.Done();
}

std::string DisconnectFrame(uint16_t code, std::string_view reason, bool reconnect,
                            int64_t delay_ms) {
  Envelope frame("disconnect");
  JsonWriter& data = frame.Data();
  data.Field("code", static_cast<int64_t>(code));
  data.Field("reason", reason);
  data.Field("reconnect", reconnect);
  data.Field("delay_ms", delay_ms);
  return frame.Done();
}

}  // namespace parley
