// A token's header or claims as JSON: strict UTF-8, one object, no key twice, at most 8 levels.
#pragma once
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace parley {

class TokenJson {
 public:
  // False: not a JSON object as above. The elements live as long as this does.
  bool Parse(const std::string& text);

  bool Has(const char* name) const { return Find(name).has_value(); }
  // A null is there: it is an element of type NULL_VALUE.
  std::optional<simdjson::dom::element> Find(const char* name) const;
  // nullopt: absent, or not text.
  std::optional<std::string> Text(const char* name) const;

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::object object_;
};

}  // namespace parley
