// Commands of a session: from text to a row of the table, and their order.
#include "session/session.h"

namespace parley {
namespace {

// Limits of unanswered commands per connection, in number and bytes; above them it is not read (P6).
constexpr size_t kUnansweredCommands = 256;
constexpr size_t kUnansweredBytes = 1 << 20;
// Refusals in a row after which a client that does not slow down is closed.
constexpr uint32_t kRefusalsBeforeClose = 200;

}  // namespace

void Session::OnText(std::string_view text) {
  // The transport holds commands while one waits in turn, so none can overtake it.
  Dispatch(text);
}

void Session::Dispatch(std::string_view text) {
  const auto object = context_.json.ParseObject(text);
  if (!object) return AnswerError(std::nullopt, std::nullopt, object.error());
  FieldReader fields(*object);

  Command command{.session = this,
                  .body = *object,
                  .caller = {identity_.user, identity_.service},
                  .conversation = {},
                  .ref = fields.ShortText("ref", context_.limits.client_id_characters)};
  const auto type = fields.RequiredText("type");
  if (const auto error = fields.error()) return AnswerError(command.ref, std::nullopt, *error);
  CommandRow* row = context_.commands.Find(*type);
  if (row == nullptr) {
    return AnswerError(command.ref, request_.conversation,
                       {.code = ErrorCode::unknown_type, .detail = "Unknown type."});
  }
  if (row->order == Order::kInTurn && in_flight_ > 0) {
    deferred_ = std::make_unique<std::string>(text);
    return UpdateHold();
  }
  if (row->of_conversation) {
    const auto named = request_.conversation && !fields.Has("conversation_id")
                           ? request_.conversation
                           : fields.RequiredId("conversation_id");
    if (named && request_.conversation && *named != *request_.conversation) {
      fields.Wrong("conversation_id", "Must be the conversation of this socket.");
    }
    if (const auto error = fields.error()) {
      return AnswerError(command.ref, request_.conversation, *error);
    }
    command.conversation = *named;
  }
  if (!identity_.service) {
    if (const auto wait = context_.rate_limiter.Take(row->limit, identity_.user)) {
      AnswerError(command.ref, command.conversation, RateLimited(*wait));
      return CountRefusal(row->limit);
    }
    refused_in_a_row_[static_cast<size_t>(row->limit)] = 0;
  }
  RunRow(*row, std::move(command), text.size());
}

// A client that does not slow down is closed.
void Session::CountRefusal(Limit limit) {
  if (++refused_in_a_row_[static_cast<size_t>(limit)] < kRefusalsBeforeClose) return;
  transport_.Close(CloseCode::kRateAbused, "Rate limit exceeded repeatedly.");
}

bool Session::TakePing() {
  if (identity_.service || !context_.rate_limiter.Take(Limit::kCommand, identity_.user)) {
    return true;
  }
  CountRefusal(Limit::kCommand);
  return false;
}

void Session::RunRow(CommandRow& row, Command command, size_t bytes) {
  ++in_flight_;
  in_flight_bytes_ += bytes;
  if (row.order == Order::kInTurn) in_turn_running_ = true;
  Execute(self_, row, std::move(command), bytes).Detach();
  if (in_flight_ > 0) UpdateHold();
}

Task<void> Session::Execute(std::shared_ptr<Session*> self, CommandRow& row, Command command,
                            size_t bytes) {
  const Ref ref = command.ref;
  const Uuid conversation = command.conversation;
  const Result<SharedBytes> answer = co_await row.handler(std::move(command));
  if (*self != nullptr) (*self)->Finished(row, ref, conversation, answer, bytes);
}

void Session::Finished(const CommandRow& row, const Ref& ref, const Uuid& conversation,
                       const Result<SharedBytes>& answer, size_t bytes) {
  --in_flight_;
  in_flight_bytes_ -= bytes;
  if (row.order == Order::kInTurn) in_turn_running_ = false;
  if (!answer) {
    const std::optional<Uuid> named =
        conversation.IsNil() ? std::optional<Uuid>() : std::optional<Uuid>(conversation);
    AnswerError(ref, named, answer.error());
  } else if (!answer->empty()) {
    transport_.Answer(*answer);
  } else if (ref && !row.answers_itself) {
    transport_.Answer(PlainAckFrame(ref));
  }
  if (deferred_ != nullptr && in_flight_ == 0) {
    const std::unique_ptr<std::string> text = std::move(deferred_);
    Dispatch(*text);
  }
  UpdateHold();
}

void Session::UpdateHold() {
  transport_.HoldCommands(!established_ || deferred_ != nullptr || in_turn_running_ ||
                          in_flight_ >= kUnansweredCommands ||
                          in_flight_bytes_ >= kUnansweredBytes);
}

}  // namespace parley
