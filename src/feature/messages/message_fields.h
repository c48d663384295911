// Fields of a message that several verbs take, and messages as answers.
#pragma once
#include <string>

#include "domain/limits.h"
#include "domain/message.h"
#include "protocol/json_reader.h"

namespace parley {

// `content`, required: trimmed, not empty unless it `may_be_empty`, within the limit. What is wrong
// is noted in `fields`.
std::string ParseContent(FieldReader& fields, const Limits& limits, bool may_be_empty = false);
std::string MessageJson(const Message& message);

}  // namespace parley
