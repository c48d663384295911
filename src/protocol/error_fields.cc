#include "protocol/error_fields.h"

#include <algorithm>

namespace parley {

void AppendErrorFields(JsonWriter& json, const Error& error,
                       const std::function<bool(std::string_view)>& takes) {
  for (auto field = error.fields.begin(); field != error.fields.end(); ++field) {
    const std::string& name = field->first;
    const auto same = [&](const auto& other) { return other.first == name; };
    if (!takes(name) || std::any_of(error.fields.begin(), field, same)) continue;
    json.Key(name);
    json.BeginArray();
    for (auto other = field; other != error.fields.end(); ++other) {
      if (same(*other)) json.String(other->second);
    }
    json.EndArray();
  }
}

}  // namespace parley
