// Writes the invalid fields of an error as members of a JSON object.
#pragma once
#include <functional>
#include <string_view>

#include "base/error.h"
#include "protocol/json_writer.h"

namespace parley {

// Writes `name: [text, …]` for each field into the open object, in order of first occurrence, with all
// messages of a field in one list. `takes` selects the names to write.
void AppendErrorFields(
    JsonWriter& json, const Error& error,
    const std::function<bool(std::string_view)>& takes = [](std::string_view) { return true; });

}  // namespace parley
