#include "feature/messages/messages_api.h"

#include <algorithm>
#include <memory>

#include "domain/text.h"
#include "feature/messages/history_cache.h"
#include "feature/messages/message_fields.h"
#include "feature/messages/messages_service.h"
#include "http/body.h"
#include "protocol/objects.h"
#include "session/session.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr HistoryFormat kHistoryFormat{.add = &AddToHistory, .end = &EndHistory};

// --- parsing: JSON to a checked command

std::vector<Uuid> ParseAttachments(FieldReader& fields, const Limits& limits) {
  std::vector<Uuid> ids;
  const auto texts = fields.Texts("attachment_ids", limits.attachments_per_message);
  if (!texts) return ids;
  for (const std::string_view text : *texts) {
    const auto id = Uuid::Parse(text);
    if (!id) {
      fields.Wrong("attachment_ids", "Must be a list of UUIDs.");
      return {};
    }
    if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

// Parses the fields common to REST and WebSocket. Errors are added to `fields`.
SendMessage ParseSend(FieldReader& fields, const Limits& limits) {
  SendMessage send;
  send.attachments = ParseAttachments(fields, limits);
  send.content = ParseContent(fields, limits, !send.attachments.empty());
  if (auto type = fields.ShortText("content_type", limits.content_type_characters)) {
    auto folded = FoldContentType(*type);
    if (!folded) {
      fields.Wrong(
          "content_type",
          "Must consist of the characters A-Z a-z 0-9 _ . / + -; it is stored in lower case.");
    }
    send.content_type = std::move(folded).value_or("text");
  }
  send.metadata = fields.Metadata("metadata", limits.metadata_bytes);
  send.reply_to = fields.Id("reply_to");
  send.client_id = fields.ShortText("client_id", limits.client_id_characters);
  if (send.client_id && send.client_id->empty()) {
    fields.Wrong("client_id", "Must not be empty.");
  }
  return send;
}

// The header Idempotency-Key is an alias of client_id.
void ApplyIdempotencyKey(const Request& request, SendMessage& send, FieldReader& fields,
                         const Limits& limits) {
  Result<std::optional<std::string>> key = IdempotencyKey(request, limits.client_id_characters);
  if (!key) return fields.Wrong(key.error().fields[0].first, key.error().fields[0].second);
  if (!*key) return;
  if (send.client_id && send.client_id != *key) {
    return fields.Wrong("client_id", "Must equal the Idempotency-Key header if both are given.");
  }
  send.client_id = std::move(*key);
}

// --- handlers

class MessagesApi {
 public:
  MessagesApi(Services& services, HistoryCacheCounters& counters)
      : services_(services), messages_(services), counters_(counters), pages_(counters) {}

  Task<Response> Post(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    SendMessage send = ParseSend(fields, services_.limits);
    if (const auto id = fields.RequiredId("conversation_id")) send.conversation = *id;
    ApplyIdempotencyKey(context.request, send, fields, services_.limits);
    if (const auto error = fields.error()) co_return Response::Problem(*error);

    auto sending = messages_.Send(std::move(send), context.caller);
    const Result<StoredMessage> stored = co_await sending;
    if (!stored) co_return Response::Problem(stored.error());
    co_return Response::Json(stored->duplicate ? 200 : 201,
                             MessageJson(services_, context.caller, stored->message));
  }

  Task<Response> Get(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    auto getting = messages_.Get(*id, context.caller);
    const Result<Message> message = co_await getting;
    if (!message) co_return Response::Problem(message.error());
    const bool hidden = services_.as_guide && message->deleted_at;
    if (hidden) co_return Response::Problem(Error::NotFound());
    co_return Response::Json(200, MessageJson(services_, context.caller, *message));
  }

  Task<Response> History(RequestContext& context) {
    Result<HistoryQuery> query = ParseHistory(context);
    if (!query) co_return Response::Problem(query.error());
    query->format = &kHistoryFormat;
    const bool kept = services_.store.Versions() != nullptr && HistoryCache::Keeps(*query);
    if (kept) {
      const auto version = services_.store.Versions()->Of(query->conversation_id);
      if (const HistoryCache::Page* page = pages_.Find(*query, version)) {
        counters_.from_memory.Add();
        MarkDelivered(services_, context.caller, query->conversation_id, page->undelivered);
        co_return Response{.shared = page->json};
      }
      counters_.from_store.Add();
    }
    auto reading = messages_.History(*query);
    Result<PageOfMessages> page = co_await reading;
    if (!page) co_return Response::Problem(page.error());
    if (page->formatted.empty()) {
      for (Message& message : page->messages) SignFiles(services_, context.caller, message);
      std::string json;
      AppendHistory(json, page->messages, page->has_more);
      co_return Response::Json(200, std::move(json));
    }
    if (kept) pages_.Add(*query, *page);
    co_return Response{.shared = page->formatted};
  }

  Task<Result<std::string>> OnMessage(Command command) {
    FieldReader fields(command.body);
    SendMessage send = ParseSend(fields, services_.limits);
    if (auto error = fields.error()) co_return Fail(std::move(*error));
    send.conversation = command.conversation;
    const bool wants_ack = command.ref.has_value() || send.client_id.has_value();

    auto sending = messages_.Send(std::move(send), std::move(command.caller));
    const Result<StoredMessage> stored = co_await sending;
    if (!stored) co_return Fail(stored.error());
    if (!wants_ack) co_return std::string();
    co_return AckFrame(command.ref, stored->message, stored->duplicate);
  }

  Task<Result<std::string>> OnLoadHistory(Command command) {
    FieldReader fields(command.body);
    const int64_t limit = fields.IntegerOrText("limit").value_or(services_.limits.page_default);
    if (limit < 1) fields.Wrong("limit", "Must be 1 or more.");
    HistoryQuery query{
        .conversation_id = command.conversation,
        .reader = command.caller.user,
        .as_service = command.caller.service,
        .limit = static_cast<int>(std::min<int64_t>(limit, services_.limits.page_max)),
        .before_id = fields.Id("before_id")};
    if (auto error = fields.error()) co_return Fail(std::move(*error));
    auto reading = messages_.History(std::move(query));
    const Result<PageOfMessages> page = co_await reading;
    if (!page) co_return Fail(page.error());
    co_return HistoryFrame(command.ref, command.conversation, page->messages, page->has_more);
  }

 private:
  Result<HistoryQuery> ParseHistory(const RequestContext& context) const {
    const Request& request = context.request;
    const Limits& limits = services_.limits;
    HistoryQuery query{.reader = context.caller.user, .as_service = context.caller.service};
    const auto id = IdParam(request, "id");
    if (!id) return Fail(id.error());
    query.conversation_id = *id;
    // A limit above the maximum is reduced to it, as clients of the guide expect.
    const auto limit = NumberQuery(request, "limit", 1, 1'000'000'000, limits.page_default);
    if (!limit) return Fail(limit.error());
    query.limit = static_cast<int>(std::min<int64_t>(*limit, limits.page_max));
    if (const auto before = request.Query("before_id"); before && !before->empty()) {
      query.before_id = Uuid::Parse(*before);
      if (!query.before_id) return Fail(Error::Field("before_id", "Must be a UUID."));
    }
    if (request.Query("after_seq")) {
      if (query.before_id)
        return Fail(Error::Field("after_seq", "Cannot be combined with before_id."));
      const auto after = NumberQuery(request, "after_seq", 0, INT64_MAX, 0);
      if (!after) return Fail(after.error());
      query.after_seq = *after;
    }
    const auto deleted = FlagQuery(request, "include_deleted");
    if (!deleted) return Fail(deleted.error());
    query.include_deleted = *deleted;
    return query;
  }

  Services& services_;
  MessagesService messages_;
  HistoryCacheCounters& counters_;
  HistoryCache pages_;
};

void RegisterRows(Registry& registry, Services& services, HistoryCacheCounters& counters) {
  auto api = std::make_shared<MessagesApi>(services, counters);
  Router& routes = registry.routes;
  const std::string base = "/api/messaging";
  routes.Add("POST", base + "/messages", Access::kUser, Limit::kSend,
             [api](RequestContext& context) { return api->Post(context); });
  routes.Add("GET", base + "/messages/{id}", Access::kUser, Limit::kRead,
             [api](RequestContext& context) { return api->Get(context); });
  routes.Add("GET", base + "/conversations/{id}/messages", Access::kUser, Limit::kRead,
             [api](RequestContext& context) { return api->History(context); });

  registry.commands.Add(
      {.type = "message",
       .order = Order::kPipelined,
       .limit = Limit::kSend,
       .handler = [api](Command command) { return api->OnMessage(std::move(command)); }});
  registry.commands.Add(
      {.type = "load_history", .limit = Limit::kRead, .handler = [api](Command command) {
         return api->OnLoadHistory(std::move(command));
       }});
  RegisterMessageChanges(registry, services);
}

class Messages final : public Feature {
 public:
  void Register(Registry& registry, Services& services) override {
    RegisterRows(registry, services, counters_);
  }

  void AddMetrics(MetricFamilies& out) const override {
    out.AddCounters("history_pages_total", "Pages of history served over REST, by source.",
                    {{{{"source", "memory"}}, static_cast<double>(counters_.from_memory.value())},
                     {{{"source", "store"}}, static_cast<double>(counters_.from_store.value())}});
    out.AddGauge("history_cache_bytes", "Bytes of pages of history held in memory.",
                 static_cast<double>(counters_.bytes.value()));
  }

 private:
  HistoryCacheCounters counters_;
};

}  // namespace

std::unique_ptr<Feature> MakeMessages() { return std::make_unique<Messages>(); }

}  // namespace parley
