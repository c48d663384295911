// Conversations as answers, and the fields that several verbs take.
#pragma once
#include <string>

#include "domain/limits.h"
#include "feature/services.h"
#include "protocol/events.h"
#include "protocol/json_reader.h"
#include "store/store.h"

namespace parley {

std::string ViewJson(const Services& services, const Caller& caller, const ConversationView& view,
                     MemberList members);
// `user_id`, required.
UserId RequiredUser(FieldReader& fields, std::string_view name);
// A title; none for an empty one. What is wrong is noted in `fields`.
std::optional<std::string> ParseTitle(FieldReader& fields, const Limits& limits);

}  // namespace parley
