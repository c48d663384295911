#include "feature/trace/trace_api.h"

#include <algorithm>

#include "base/ask.h"
#include "http/body.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

std::string_view NameOf(TraceStage stage) {
  constexpr std::string_view kNames[] = {"committed", "delivered", "caught_up"};
  return kNames[static_cast<size_t>(stage)];
}

std::string_view NameOf(Origin origin) {
  switch (origin) {
    case Origin::kThisNode:
      return "this_node";
    case Origin::kOtherNode:
      return "bus";
    case Origin::kDjango:
      return "channel_layer";
    case Origin::kStore:
      break;
  }
  return "store";
}

void WriteStage(JsonWriter& out, const TraceEntry& entry) {
  out.BeginObject();
  out.Field("stage", NameOf(entry.stage));
  out.Field("at", entry.at);
  if (entry.stage == TraceStage::kCommitted) out.Field("published", entry.published);
  if (entry.stage == TraceStage::kDelivered) out.Field("from", NameOf(entry.origin));
  out.EndObject();
}

// The server makes ids of version 7 when it receives a message: their first 48 bits are milliseconds.
std::optional<Timestamp> ReceivedAt(const Uuid& id) {
  if (id.bytes[6] >> 4 != 7) return std::nullopt;
  int64_t millis = 0;
  for (size_t i = 0; i < 6; ++i) millis = millis << 8 | static_cast<uint8_t>(id.bytes[i]);
  return Timestamp{millis * 1000};
}

std::string Describe(const std::string& node, const Message& message, TraceLogs::Found found) {
  std::ranges::sort(found.entries, {}, &TraceEntry::at);
  std::string json;
  JsonWriter out(json);
  out.BeginObject();
  out.Field("message_id", message.id);
  out.Field("conversation_id", message.conversation_id);
  out.Field("seq", message.seq);
  out.Field("node", node);
  out.Field("received_at", ReceivedAt(message.id));
  out.Field("stored_at", message.sent_at);
  out.Field("delivered_at", message.delivered_at);
  out.Field("read_at", message.read_at);
  out.Field("recorded_since", found.since);
  out.Key("stages");
  out.BeginArray();
  for (const TraceEntry& entry : found.entries) WriteStage(out, entry);
  out.EndArray();
  out.EndObject();
  return json;
}

Task<Response> GetTrace(Services& services, TraceLogs& logs, const std::string& node, bool open,
                        RequestContext& context) {
  if (!open && !context.caller.service) {
    co_return Response::Problem(
        {.code = ErrorCode::forbidden, .detail = "This route requires a service token."});
  }
  const Result<Uuid> id = IdParam(context.request, "id");
  if (!id) co_return Response::Problem(id.error());
  auto reading =
      Ask(services.executor, services.store, &MessageStore::ReadMessage, *id, UserId{}, true);
  const Result<Message> message = co_await reading;
  if (!message) co_return Response::Problem(message.error());
  auto searching =
      Ask(services.executor, logs, &TraceLogs::Find, message->conversation_id, message->seq);
  Result<TraceLogs::Found> found = co_await searching;
  if (!found) co_return Response::Problem(found.error());
  co_return Response::Json(200, Describe(node, *message, *std::move(found)));
}

}  // namespace

void RegisterTrace(Router& routes, Services& services, TraceLogs& logs, std::string node,
                   bool open) {
  routes.Add("GET", "/trace/{id}", open ? Access::kOpen : Access::kUser, Limit::kNone,
             [&services, &logs, node = std::move(node), open](RequestContext& context) {
               return GetTrace(services, logs, node, open, context);
             });
}

}  // namespace parley
