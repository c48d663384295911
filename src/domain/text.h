// Rules for text that users enter.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace parley {

// Removes white space (Unicode's White_Space property) at both ends. `text` must be valid UTF-8.
std::string_view Trim(std::string_view text);

// Converts a message's content type to its stored form: ASCII letters in lower case. Returns nullopt if
// it is empty or contains a character outside [A-Za-z0-9_./+-].
std::optional<std::string> FoldContentType(std::string_view text);

// Adds the UUIDs in a text, with hyphens or without, to the distinct ids of `found`, up to `most` in all.
std::vector<Uuid> UuidsIn(std::string_view text, size_t most, std::vector<Uuid> found = {});

}  // namespace parley
