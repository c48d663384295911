// Message fields that several verbs share, and messages in responses.
#pragma once
#include <string>

#include "domain/limits.h"
#include "domain/message.h"
#include "feature/services.h"

namespace parley {

class FieldReader;

// `content`, required: trimmed, not empty unless it `may_be_empty`, within the limit. Errors are
// recorded in `fields`.
std::string ParseContent(FieldReader& fields, const Limits& limits, bool may_be_empty = false);
// The message as JSON, with file URLs signed for the caller.
std::string MessageJson(const Services& services, const Caller& caller, Message message);

}  // namespace parley
