#include "feature/receipts/receipts_api.h"

#include <algorithm>
#include <memory>
#include <span>
#include <unordered_set>

#include "base/ask.h"
#include "feature/receipts/unread_cache.h"
#include "http/body.h"
#include "protocol/events.h"
#include "session/session.h"

namespace parley {
namespace {

using Body = JsonObject;

constexpr size_t kMostMarked = 1000;

class ReceiptsApi {
 public:
  ReceiptsApi(Services& services, InboxCacheCounters& counters)
      : services_(services),
        counts_(services, counters),
        counts_in_one_(services.store.Versions(), counters) {}

  Task<Response> Read(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    const Result<Body> body = JsonBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    const int64_t up_to = ParseUpTo(fields);
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    auto marking = MarkTo(*id, context.caller.user, up_to);
    const Result<ReadMarks> marks = co_await marking;
    if (!marks) co_return Response::Problem(marks.error());
    co_return Response::Json(200, "{\"up_to_seq\":" + std::to_string(marks->up_to_seq) + "}");
  }

  Task<Response> MarkAsRead(RequestContext& context) {
    const Result<Body> body = JsonOrFormBody(context.request, services_.json);
    if (!body) co_return Response::Problem(body.error());
    FieldReader fields(*body);
    std::vector<Uuid> messages = ParseMessages(fields);
    if (const auto error = fields.error()) co_return Response::Problem(*error);
    auto marking = MarkMessages(context.caller.user, std::move(messages), std::nullopt);
    const Result<ReadMarks> marks = co_await marking;
    if (!marks) co_return Response::Problem(marks.error());
    co_return Response::Json(200, "{\"updated\":" + std::to_string(marks->updated) + "}");
  }

  Task<Response> UnreadCount(RequestContext& context) {
    std::optional<Uuid> conversation;
    if (const auto text = context.request.Query("conversation_id"); text && !text->empty()) {
      conversation = Uuid::Parse(*text);
      if (!conversation) {
        co_return Response::Problem(Error::Field("conversation_id", "Must be a UUID."));
      }
    }
    if (!conversation) {
      auto counting_all = UnreadOfAll(context.caller.user);
      co_return co_await counting_all;
    }
    auto counting = UnreadIn(*conversation, context.caller.user);
    co_return co_await counting;
  }

  Task<Result<std::string>> OnRead(Command command) {
    FieldReader fields(command.body);
    const int64_t up_to = ParseUpTo(fields);
    if (auto error = fields.error()) co_return Fail(std::move(*error));
    auto marking = MarkTo(command.conversation, std::move(command.caller.user), up_to);
    const Result<ReadMarks> marks = co_await marking;
    if (!marks) co_return Fail(marks.error());
    co_return std::string();
  }

  Task<Result<std::string>> OnReadReceipt(Command command) {
    FieldReader fields(command.body);
    std::vector<Uuid> messages = ParseMessages(fields);
    if (auto error = fields.error()) co_return Fail(std::move(*error));
    auto marking =
        MarkMessages(std::move(command.caller.user), std::move(messages), command.conversation);
    const Result<ReadMarks> marks = co_await marking;
    if (!marks) co_return Fail(marks.error());
    co_return std::string();
  }

 private:
  Task<Response> UnreadOfAll(UserId reader) {
    if (const InboxCache::Answer* known = counts_.Find(reader, 0)) {
      co_return Response{.shared = known->json};
    }
    auto taking = counts_.Take(reader);
    std::optional<InboxCache::Stamp> stamp = co_await taking;
    auto counting = Ask(services_.executor, services_.store, &ReceiptStore::CountUnread, reader,
                        std::optional<Uuid>());
    const Result<int64_t> count = co_await counting;
    if (!count) co_return Response::Problem(count.error());
    const SharedBytes json("{\"count\":" + std::to_string(*count) + "}");
    if (stamp) counts_.Add(reader, 0, std::move(*stamp), {.json = json});
    co_return Response{.shared = json};
  }

  Task<Response> UnreadIn(Uuid conversation, UserId reader) {
    const auto now = counts_in_one_.Now(conversation, reader);
    if (const auto known = counts_in_one_.Find(conversation, reader, now)) {
      co_return CountAnswer(*known);
    }
    auto counting = Ask(services_.executor, services_.store, &ReceiptStore::CountUnread, reader,
                        std::optional(conversation));
    const Result<int64_t> count = co_await counting;
    if (!count) co_return Response::Problem(count.error());
    counts_in_one_.Add(conversation, reader, now, *count);
    co_return CountAnswer(*count);
  }

  static Response CountAnswer(int64_t count) {
    return Response::Json(200, "{\"count\":" + std::to_string(count) + "}");
  }

  static int64_t ParseUpTo(FieldReader& fields) {
    const auto up_to = fields.Integer("up_to_seq");
    if (!up_to && !fields.error()) fields.Wrong("up_to_seq", "This field is required.");
    if (up_to && *up_to < 0) fields.Wrong("up_to_seq", "Must be 0 or more.");
    return up_to.value_or(0);
  }

  // Returns the distinct ids in the order of the request.
  static std::vector<Uuid> ParseMessages(FieldReader& fields) {
    std::vector<Uuid> messages;
    std::unordered_set<Uuid> distinct;
    const auto texts = fields.Texts("message_ids", kMostMarked);
    if (!texts && !fields.error()) fields.Wrong("message_ids", "This field is required.");
    for (const std::string_view text : texts.value_or(std::vector<std::string_view>())) {
      const auto id = Uuid::Parse(text);
      if (!id) {
        fields.Wrong("message_ids", "Must be a list of UUIDs.");
        break;
      }
      if (distinct.insert(*id).second) messages.push_back(*id);
    }
    return messages;
  }

  Task<Result<ReadMarks>> MarkTo(Uuid conversation, UserId reader, int64_t up_to) {
    auto marking = Ask(services_.executor, services_.store, &ReceiptStore::MarkRead, conversation,
                       reader, up_to);
    Result<ReadMarks> marks = co_await marking;
    BroadcastReceipts(reader, marks);
    co_return marks;
  }

  Task<Result<ReadMarks>> MarkMessages(UserId reader, std::vector<Uuid> messages,
                                       std::optional<Uuid> only) {
    auto marking = Ask(services_.executor, services_.store, &ReceiptStore::MarkMessagesRead, reader,
                       std::move(messages), only);
    Result<ReadMarks> marks = co_await marking;
    BroadcastReceipts(reader, marks);
    co_return marks;
  }

  // Broadcasts receipts to all participants, including the reader's other sockets, even if the mark
  // did not move. Conversations that are too large for receipts are skipped on all nodes.
  void BroadcastReceipts(const UserId& reader, const Result<ReadMarks>& marks) {
    if (!marks) return;
    for (const ReadMarks::Receipt& receipt : marks->receipts) {
      if (receipt.participants > static_cast<int64_t>(services_.limits.live_participants)) continue;
      std::span<const Uuid> left = receipt.messages;
      do {
        const auto named = left.first(std::min(kMessagesInReceipt, left.size()));
        left = left.subspan(named.size());
        services_.hub.BroadcastEphemeral(
            ReadReceiptEvent(receipt.conversation, reader, named, receipt.up_to_seq));
      } while (!left.empty());
    }
  }

  Services& services_;
  InboxCache counts_;  // of all conversations of a user
  UnreadCache counts_in_one_;
};

}  // namespace

void RegisterReceipts(Registry& registry, Services& services, InboxCacheCounters& counters) {
  auto api = std::make_shared<ReceiptsApi>(services, counters);
  const std::string base = "/api/messaging";
  registry.routes.Add("POST", base + "/conversations/{id}/read", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->Read(context); });
  registry.routes.Add("POST", base + "/messages/mark_as_read", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->MarkAsRead(context); });
  registry.routes.Add("GET", base + "/messages/unread_count", Access::kUser, Limit::kRead,
                      [api](RequestContext& context) { return api->UnreadCount(context); });
  registry.commands.Add(
      {.type = "read", .limit = Limit::kCommand, .handler = [api](Command command) {
         return api->OnRead(std::move(command));
       }});
  registry.commands.Add(
      {.type = "read_receipt", .limit = Limit::kCommand, .handler = [api](Command command) {
         return api->OnReadReceipt(std::move(command));
       }});
}

}  // namespace parley
