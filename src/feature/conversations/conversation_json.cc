#include "feature/conversations/conversation_json.h"

#include "domain/text.h"
#include "protocol/json_reader.h"

namespace parley {

std::string ViewJson(const Services& services, const Caller& caller, const ConversationView& view,
                     MemberList members) {
  std::string json;
  std::optional<Message> last = view.last_message;
  if (last) SignFiles(services, caller, *last);
  const ReaderPart reader{view.unread_count, last ? &*last : nullptr};
  AppendConversation(json, view.conversation, reader, members);
  return json;
}

UserId RequiredUser(FieldReader& fields, std::string_view name) {
  auto user = fields.User(name);
  if (!user && (!fields.Has(name) || fields.IsNull(name))) {
    fields.Wrong(name, "This field is required.");
  }
  return user.value_or(UserId());
}

std::optional<std::string> ParseTitle(FieldReader& fields, const Limits& limits) {
  const auto title = fields.ShortText("title", limits.title_characters);
  if (!title || Trim(*title).empty()) return std::nullopt;
  return std::string(Trim(*title));
}

}  // namespace parley
