// JSON in: text to checked values. What arrives is untrusted, so every accessor says what is wrong
// with a field instead of guessing, and all wrong fields are reported together.
#pragma once
#include <simdjson.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "domain/limits.h"

namespace parley {

// Parses one text at a time; what it gave lives until the next one. One per thread.
class JsonReader {
 public:
  explicit JsonReader(size_t max_depth);

  // Errors: bad_json (also for lone surrogates, bad UTF-8, and anything but an object).
  Result<simdjson::dom::object> ParseObject(std::string_view text);

 private:
  simdjson::dom::parser parser_;
};

// Takes fields from an object. A null counts as absent. After the last one: error().
class FieldReader {
 public:
  explicit FieldReader(simdjson::dom::object object) : object_(object) {}

  std::optional<std::string_view> Text(std::string_view name);
  std::optional<std::string_view> RequiredText(std::string_view name);
  std::optional<int64_t> Integer(std::string_view name);
  std::optional<bool> Bool(std::string_view name);
  std::optional<Uuid> Id(std::string_view name);
  std::optional<Uuid> RequiredId(std::string_view name);
  // An integer or text, as user ids come; text is checked.
  std::optional<UserId> User(std::string_view name);
  // Text of at most `characters` code points.
  std::optional<std::string> ShortText(std::string_view name, size_t characters);
  std::optional<std::vector<std::string_view>> Texts(std::string_view name, size_t max_count);
  // As JSON text without white space; "{}" when absent.
  std::string Metadata(std::string_view name, size_t max_bytes);
  std::optional<simdjson::dom::object> Object(std::string_view name);
  bool Has(std::string_view name) const;
  bool IsNull(std::string_view name) const;  // there, and null

  void Wrong(std::string_view name, std::string what);
  // Everything that was wrong so far.
  std::optional<Error> error() const;

 private:
  std::optional<simdjson::dom::element> Find(std::string_view name) const;

  simdjson::dom::object object_;
  std::vector<std::pair<std::string, std::string>> wrong_;
};

// A whole number, also one written as 3.0 or 3e0: JSON does not tell them apart (RFC 8259 §6).
std::optional<int64_t> WholeNumberFrom(simdjson::dom::element element);

// A user id as JSON gives it: text, or an integer in canonical decimal.
std::optional<UserId> UserIdFrom(simdjson::dom::element element);

}  // namespace parley
