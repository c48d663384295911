// Fields of a message that several verbs take, and messages as answers.
#pragma once
#include <string>

#include "domain/limits.h"
#include "domain/message.h"
#include "feature/services.h"
#include "protocol/json_reader.h"

namespace parley {

// `content`, required: trimmed, not empty unless it `may_be_empty`, within the limit. What is wrong
// is noted in `fields`.
std::string ParseContent(FieldReader& fields, const Limits& limits, bool may_be_empty = false);
// Links to its files are the caller's.
std::string MessageJson(const Services& services, const Caller& caller, Message message);

}  // namespace parley
