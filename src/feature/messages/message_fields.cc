#include "feature/messages/message_fields.h"

#include "domain/text.h"
#include "protocol/json_reader.h"
#include "protocol/objects.h"

namespace parley {

std::string ParseContent(FieldReader& fields, const Limits& limits, bool may_be_empty) {
  const auto content = fields.RequiredText("content");
  if (!content) return {};
  const std::string_view trimmed = Trim(*content);
  if (trimmed.empty() && !may_be_empty) {
    fields.Wrong("content", "Must not be empty.");
  } else if (trimmed.size() > limits.content_bytes) {
    fields.Wrong("content",
                 "Must be at most " + std::to_string(limits.content_bytes) + " bytes of UTF-8.");
  }
  return std::string(trimmed);
}

std::string MessageJson(const Services& services, const Caller& caller, Message message) {
  SignFiles(services, caller, message);
  std::string json;
  AppendMessage(json, message);
  return json;
}

}  // namespace parley
