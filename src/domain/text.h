// Rules for text that people write.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// Without white space (Unicode's White_Space property) at either end. `text` is valid UTF-8.
std::string_view Trim(std::string_view text);

// A message's content type as it is stored: ASCII letters in lower case. nullopt: it is empty, or holds
// a character outside [A-Za-z0-9_./+-].
std::optional<std::string> FoldContentType(std::string_view text);

}  // namespace parley
