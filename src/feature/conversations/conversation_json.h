// Conversations in responses, and fields that several verbs share.
#pragma once
#include <string>

#include "domain/limits.h"
#include "feature/services.h"
#include "protocol/objects.h"
#include "store/conversation_store.h"

namespace parley {

class FieldReader;

std::string ViewJson(const Services& services, const Caller& caller, const ConversationView& view,
                     MemberList members);
// Reads a required user id.
UserId RequiredUser(FieldReader& fields, std::string_view name);
// Reads a title; nullopt if it is empty. Errors are recorded in `fields`.
std::optional<std::string> ParseTitle(FieldReader& fields, const Limits& limits);

}  // namespace parley
