// The bad fields of an error as members of a JSON object.
#pragma once
#include <functional>
#include <string_view>

#include "base/error.h"
#include "protocol/json_writer.h"

namespace parley {

// Writes `name: [text, …]` for each field into the object that is open, in the order of first
// mention; what is wrong with one field is one list. `takes`: which names are written.
void AppendErrorFields(
    JsonWriter& json, const Error& error,
    const std::function<bool(std::string_view)>& takes = [](std::string_view) { return true; });

}  // namespace parley
