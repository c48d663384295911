// MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) as Python's msgpack writes and
// reads it: text is `str` in UTF-8, bytes are `bin`, floats are 64 bits wide. Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "django/value.h"

namespace parley::django {

// Appends the shortest encoding. A number that is not an integer of 64 bits becomes a double.
void AppendMsgpack(std::string& out, const Value& value);

// Decodes exactly one value. Returns nullopt for truncated or trailing bytes, text that is not UTF-8,
// duplicate keys, keys that are not text, extension types, and values beyond the limits of value.h.
// Numbers that JSON cannot write (NaN and infinities) become null.
std::optional<Value> DecodeMsgpack(std::string_view bytes);

}  // namespace parley::django
