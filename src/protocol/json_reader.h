// JSON input: text to validated values. Input is untrusted, so every accessor records an error instead
// of guessing, and all invalid fields are reported together.
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

// The source of an object, which determines the type conversions.
enum class JsonSource : uint8_t {
  kFrame,  // no conversions
  kRest,   // a number is accepted as a string, as written
  kForm,  // all values are text: numbers and booleans are parsed, a single value is a list of one, and
          // the last of a repeated scalar is used
};

// An object sent by a client. The object and its text are valid until the reader parses the next text.
class JsonObject {
 public:
  JsonObject() = default;
  JsonObject(simdjson::dom::object object, std::string_view text, JsonSource source)
      : object_(object), text_(text), source_(source) {}

  auto at_key(std::string_view name) const { return object_.at_key(name); }
  const simdjson::dom::object& object() const { return object_; }
  JsonSource source() const { return source_; }
  // The value of a field as written; empty if absent.
  std::string_view Raw(std::string_view name) const;

 private:
  simdjson::dom::object object_;
  std::string_view text_;
  JsonSource source_ = JsonSource::kFrame;
};

// Parses one text at a time; a result is valid until the next parse, and while the text exists.
// Threads: one.
class JsonReader {
 public:
  explicit JsonReader(size_t max_depth);

  // Errors: bad_json, also for lone surrogates, invalid UTF-8, duplicate keys at any depth, and values
  // other than objects.
  Result<JsonObject> ParseObject(std::string_view text, JsonSource source = JsonSource::kFrame);

  // Converts the fields of a form (UTF-8) to an object. The field `metadata` is JSON text.
  Result<JsonObject> ParseForm(const std::vector<std::pair<std::string, std::string>>& fields);

 private:
  simdjson::dom::parser parser_;
  std::string form_;  // the last form as JSON text
};

// Reads fields from an object. A null counts as absent. Call error() after the last field.
class FieldReader {
 public:
  explicit FieldReader(const JsonObject& object) : object_(object) {}

  std::optional<std::string_view> Text(std::string_view name);
  std::optional<std::string_view> RequiredText(std::string_view name);
  std::optional<int64_t> Integer(std::string_view name);
  // Also accepts decimal digits as text in JSON.
  std::optional<int64_t> IntegerOrText(std::string_view name);
  std::optional<bool> Bool(std::string_view name);
  std::optional<Uuid> Id(std::string_view name);
  std::optional<Uuid> RequiredId(std::string_view name);
  // A user id, given as an integer or as valid text.
  std::optional<UserId> User(std::string_view name);
  // Text of at most `characters` code points.
  std::optional<std::string> ShortText(std::string_view name, size_t characters);
  std::optional<std::vector<std::string_view>> Texts(std::string_view name, size_t max_count);
  // A list of at most `max_count` user ids.
  std::optional<std::vector<UserId>> Users(std::string_view name, size_t max_count);
  // An object as its JSON text without white space, with numbers unchanged; "{}" if absent.
  std::string Metadata(std::string_view name, size_t max_bytes);
  std::optional<simdjson::dom::object> Object(std::string_view name);
  bool Has(std::string_view name) const;
  bool IsNull(std::string_view name) const;  // present and null
  // A number as written; nullopt for other values.
  std::optional<std::string_view> NumberText(std::string_view name) const;

  void Wrong(std::string_view name, std::string what);
  // All errors so far.
  std::optional<Error> error() const;

 private:
  std::optional<int64_t> WholeNumber(std::string_view name, bool text_allowed);
  std::optional<simdjson::dom::element> Find(std::string_view name) const;
  // Like Find; returns the last value of a repeated form field, and nullopt for an empty one.
  std::optional<simdjson::dom::element> FindScalar(std::string_view name) const;
  std::optional<std::string_view> TextOf(simdjson::dom::element element,
                                         std::string_view raw) const;
  std::optional<std::vector<simdjson::dom::element>> List(std::string_view name, size_t max_count);

  JsonObject object_;
  std::vector<std::pair<std::string, std::string>> wrong_;
};

// An integer, also if written as 3.0 or 3e0, which JSON does not distinguish (RFC 8259 §6).
std::optional<int64_t> WholeNumberFrom(simdjson::dom::element element);
// An integer from decimal digits, as in forms and queries; nullopt for other text.
std::optional<int64_t> WholeNumberFrom(std::string_view digits);

// A user id from JSON: text, or an integer in canonical decimal.
std::optional<UserId> UserIdFrom(simdjson::dom::element element);

}  // namespace parley
