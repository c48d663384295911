#include "feature/connection/connection_api.h"

#include <algorithm>

#include "session/session.h"

namespace parley {
namespace {

constexpr size_t kResumeAtOnce = 1000;

Task<Result<std::string>> OnPing(Command command) { co_return PongFrame(command.ref); }

Task<Result<std::string>> OnAuthenticate(Command command) {
  FieldReader fields(command.body);
  const auto token = fields.RequiredText("token");
  if (auto error = fields.error()) co_return Fail(std::move(*error));
  const Result<void> renewed = command.session->Reauthenticate(*token);
  if (!renewed) co_return Fail(renewed.error());
  co_return PlainAckFrame(command.ref);
}

constexpr double kExactDoubles = 9007199254740992;  // 2^53

// Parses a seq; a number larger than any seq is treated as beyond every head.
std::optional<int64_t> SeqFrom(simdjson::dom::element element) {
  if (const auto value = WholeNumberFrom(element)) {
    if (*value < 0) return std::nullopt;
    return std::min(*value, kBeyondEveryHead);
  }
  double value;
  if (element.get(value) == simdjson::SUCCESS && value > kExactDoubles) return kBeyondEveryHead;
  return std::nullopt;
}

Task<Result<std::string>> OnResume(Command command) {
  FieldReader fields(command.body);
  const auto seqs = fields.Object("seqs");
  if (!seqs && !fields.error()) fields.Wrong("seqs", "This field is required.");
  if (seqs && seqs->size() > kResumeAtOnce) {
    fields.Wrong("seqs", "Must contain at most 1000 conversations.");
  }
  if (auto error = fields.error()) co_return Fail(std::move(*error));

  Session& session = *command.session;
  ConversationSeqs wanted;
  for (const auto& [key, value] : *seqs) {
    const auto conversation = Uuid::Parse(key);
    if (!conversation) {
      session.AnswerError(command.ref, std::nullopt, Error::NotFound());
      continue;
    }
    const auto seq = SeqFrom(value);
    if (!seq) {
      session.AnswerError(command.ref, conversation,
                          {.code = ErrorCode::bad_since,
                           .detail = "The resume point must be an integer of 0 or more."});
      continue;
    }
    wanted.emplace_back(*conversation, *seq);
  }
  session.Resume(command.ref, wanted);
  co_return std::string();
}

}  // namespace

void RegisterConnection(Registry& registry) {
  registry.commands.Add({.type = "ping",
                         .order = Order::kPipelined,
                         .limit = Limit::kCommand,
                         .of_conversation = false,
                         .handler = OnPing});
  registry.commands.Add({.type = "authenticate",
                         .limit = Limit::kCommand,
                         .of_conversation = false,
                         .handler = OnAuthenticate});
  registry.commands.Add({.type = "resume",
                         .limit = Limit::kCommand,
                         .of_conversation = false,
                         .answers_itself = true,
                         .handler = OnResume});
}

}  // namespace parley
