#include "session/command_queue.h"

#include "session/session.h"

namespace parley {
namespace {

// Refusals in a row after which a client that does not slow down is closed.
constexpr uint32_t kRefusalsBeforeClose = 200;

}  // namespace

CommandQueue::CommandQueue(SessionContext& context, Transport& transport, Session& session)
    : context_(context),
      transport_(transport),
      session_(session),
      self_(std::make_shared<CommandQueue*>(this)) {}

void CommandQueue::Open() {
  open_ = true;
  transport_.HoldCommands(false);
}

void CommandQueue::OnText(std::string_view text) {
  // The transport holds commands while one waits in turn, so none can overtake it.
  Dispatch(text);
}

void CommandQueue::Dispatch(std::string_view text) {
  const auto object = context_.json.ParseObject(text);
  if (!object) return AnswerError(std::nullopt, std::nullopt, object.error());
  FieldReader fields(*object);
  Command command{.session = &session_,
                  .body = *object,
                  .caller = {session_.identity().user, session_.identity().service},
                  .conversation = {},
                  .ref = fields.ShortText("ref", context_.limits.client_id_characters)};
  const auto type = fields.RequiredText("type");
  if (const auto error = fields.error()) return AnswerError(command.ref, std::nullopt, *error);
  CommandRow* row = context_.commands.Find(*type);
  const std::optional<Uuid>& only_conversation = session_.only_conversation();
  if (row == nullptr) {
    return AnswerError(command.ref, only_conversation,
                       {.code = ErrorCode::unknown_type, .detail = "Unknown type."});
  }
  if (row->order == Order::kInTurn && in_flight_ > 0) {
    deferred_ = std::make_unique<std::string>(text);
    return UpdateHold();
  }
  if (row->of_conversation) {
    const auto named = only_conversation && !fields.Has("conversation_id")
                           ? only_conversation
                           : fields.RequiredId("conversation_id");
    if (named && only_conversation && *named != *only_conversation) {
      fields.Wrong("conversation_id", "Must be the conversation of this socket.");
    }
    if (const auto error = fields.error()) {
      return AnswerError(command.ref, only_conversation, *error);
    }
    command.conversation = *named;
  }
  if (TakeFromLimit(*row, command)) Run(*row, std::move(command), text.size());
}

// --- rate limits

bool CommandQueue::TakeFromLimit(const CommandRow& row, const Command& command) {
  if (session_.identity().service) return true;
  if (const auto wait = context_.rate_limiter.Take(row.limit, session_.identity().user)) {
    AnswerError(command.ref, command.conversation, RateLimited(*wait));
    CountRefusal(row.limit);
    return false;
  }
  refused_in_a_row_[static_cast<size_t>(row.limit)] = 0;
  return true;
}

void CommandQueue::CountRefusal(Limit limit) {
  if (++refused_in_a_row_[static_cast<size_t>(limit)] < kRefusalsBeforeClose) return;
  transport_.Close(CloseCode::kRateAbused, "Rate limit exceeded repeatedly.");
}

bool CommandQueue::TakePing() {
  if (session_.identity().service ||
      !context_.rate_limiter.Take(Limit::kCommand, session_.identity().user)) {
    return true;
  }
  CountRefusal(Limit::kCommand);
  return false;
}

// --- running

void CommandQueue::Run(CommandRow& row, Command command, size_t bytes) {
  ++in_flight_;
  in_flight_bytes_ += bytes;
  if (row.order == Order::kInTurn) in_turn_running_ = true;
  Execute(self_, row, std::move(command), bytes).Detach();
  if (in_flight_ > 0) UpdateHold();
}

Task<void> CommandQueue::Execute(std::shared_ptr<CommandQueue*> self, CommandRow& row,
                                 Command command, size_t bytes) {
  const Ref ref = command.ref;
  const Uuid conversation = command.conversation;
  const Result<std::string> answer = co_await row.handler(std::move(command));
  if (*self != nullptr) (*self)->OnFinished(row, ref, conversation, answer, bytes);
}

void CommandQueue::OnFinished(const CommandRow& row, const Ref& ref, const Uuid& conversation,
                              const Result<std::string>& answer, size_t bytes) {
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

void CommandQueue::UpdateHold() {
  transport_.HoldCommands(!open_ || deferred_ != nullptr || in_turn_running_ ||
                          in_flight_ >= context_.limits.unanswered_commands ||
                          in_flight_bytes_ >= context_.limits.unanswered_bytes);
}

}  // namespace parley
