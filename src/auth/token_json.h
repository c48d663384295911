// A token's header or claims as JSON: strict UTF-8, one object, no duplicate keys, at most 8 levels.
#pragma once
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace parley {

class TokenJson {
 public:
  // Returns false if the text is not such an object. Elements are valid while this object exists.
  bool Parse(const std::string& text);

  bool Has(const char* name) const { return Find(name).has_value(); }
  // Returns an element of type NULL_VALUE for null.
  std::optional<simdjson::dom::element> Find(const char* name) const;
  // Returns nullopt if the value is absent or not a string.
  std::optional<std::string> Text(const char* name) const;

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::object object_;
};

}  // namespace parley
