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

// Where an object came from, which decides what may stand for what (product.md §3).
enum class JsonSource : uint8_t {
  kFrame,  // every value has its own type
  kRest,   // a number where text is expected is its text, as it was written
  kForm,  // all values are text: numbers and truths are read from it, one value is a list of one, and
          // of a repeated scalar the last counts
};

// An object that a client sent. It and its text live until the reader's next text.
class JsonObject {
 public:
  JsonObject() = default;
  JsonObject(simdjson::dom::object object, std::string_view text, JsonSource source)
      : object_(object), text_(text), source_(source) {}

  auto at_key(std::string_view name) const { return object_.at_key(name); }
  const simdjson::dom::object& object() const { return object_; }
  JsonSource source() const { return source_; }
  // The value of a field as it was written; empty when absent.
  std::string_view Raw(std::string_view name) const;

 private:
  simdjson::dom::object object_;
  std::string_view text_;
  JsonSource source_ = JsonSource::kFrame;
};

// Parses one text at a time; what it gave lives until the next one, and as long as the text. One per
// thread.
class JsonReader {
 public:
  explicit JsonReader(size_t max_depth);

  // Errors: bad_json (also for lone surrogates, bad UTF-8, a key that appears twice in one object at
  // any depth, and anything but an object).
  Result<JsonObject> ParseObject(std::string_view text, JsonSource source = JsonSource::kFrame);

  // The fields of a form, which are UTF-8, as an object. A field `metadata` is JSON text.
  Result<JsonObject> ParseForm(const std::vector<std::pair<std::string, std::string>>& fields);

 private:
  simdjson::dom::parser parser_;
  std::string form_;  // the last form as JSON text
};

// Takes fields from an object. A null counts as absent. After the last one: error().
class FieldReader {
 public:
  explicit FieldReader(const JsonObject& object) : object_(object) {}

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
  // A list of user ids, at most so many.
  std::optional<std::vector<UserId>> Users(std::string_view name, size_t max_count);
  // An object as its JSON text without white space, every number digit for digit; "{}" when absent.
  std::string Metadata(std::string_view name, size_t max_bytes);
  std::optional<simdjson::dom::object> Object(std::string_view name);
  bool Has(std::string_view name) const;
  bool IsNull(std::string_view name) const;  // there, and null
  // A number as it was written; nullopt for anything else.
  std::optional<std::string_view> NumberText(std::string_view name) const;

  void Wrong(std::string_view name, std::string what);
  // Everything that was wrong so far.
  std::optional<Error> error() const;

 private:
  std::optional<simdjson::dom::element> Find(std::string_view name) const;
  // As Find; of a repeated field of a form the last, of an empty one nothing.
  std::optional<simdjson::dom::element> FindScalar(std::string_view name) const;
  std::optional<std::string_view> TextOf(simdjson::dom::element element,
                                         std::string_view raw) const;
  std::optional<std::vector<simdjson::dom::element>> List(std::string_view name, size_t max_count);

  JsonObject object_;
  std::vector<std::pair<std::string, std::string>> wrong_;
};

// A whole number, also one written as 3.0 or 3e0: JSON does not tell them apart (RFC 8259 §6).
std::optional<int64_t> WholeNumberFrom(simdjson::dom::element element);
// From decimal digits, as forms and queries have it; nullopt for anything else.
std::optional<int64_t> WholeNumberFrom(std::string_view digits);

// A user id as JSON gives it: text, or an integer in canonical decimal.
std::optional<UserId> UserIdFrom(simdjson::dom::element element);

}  // namespace parley
