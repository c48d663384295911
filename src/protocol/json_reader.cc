#include "protocol/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/utf8.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

// PostgreSQL's text and jsonb cannot store U+0000, so it is refused with every store.
bool HoldsNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool HoldsNul(dom::element element) {
  switch (element.type()) {
    case dom::element_type::STRING:
      return HoldsNul(std::string_view(element.get_string().value_unsafe()));
    case dom::element_type::ARRAY: {
      const dom::array array = element.get_array().value_unsafe();
      for (const dom::element child : array) {
        if (HoldsNul(child)) return true;
      }
      return false;
    }
    case dom::element_type::OBJECT: {
      const dom::object object = element.get_object().value_unsafe();
      for (const dom::key_value_pair field : object) {
        if (HoldsNul(field.key) || HoldsNul(field.value)) return true;
      }
      return false;
    }
    default:
      return false;
  }
}

// simdjson 3.0 refuses whole numbers beyond 64 bits, which are valid JSON: with a fraction they are
// read as what JavaScript would make of them, the nearest double.
std::string WithFractions(std::string_view text) {
  constexpr std::string_view kLargest = "9223372036854775807";
  constexpr std::string_view kOfNumbers = "0123456789.eE+-";
  std::string out;
  bool in_string = false;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (in_string && c == '\\') {
      out.append(text.substr(at, 2));
      at += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || c < '0' || c > '9') {
      out += c;
      ++at;
      continue;
    }
    const size_t end = std::min(text.find_first_not_of(kOfNumbers, at), text.size());
    const std::string_view number = text.substr(at, end - at);
    const bool whole = std::ranges::all_of(number, [](char d) { return d >= '0' && d <= '9'; });
    const bool fits =
        number.size() < kLargest.size() || (number.size() == kLargest.size() && number <= kLargest);
    out.append(number);
    if (whole && !fits) out += ".0";
    at = end;
  }
  return out;
}

simdjson::simdjson_result<dom::element> Parse(dom::parser& parser, std::string_view text) {
  const auto root = parser.parse(text.data(), text.size());
  return root.error() == simdjson::NUMBER_ERROR ? parser.parse(WithFractions(text)) : root;
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A walk over JSON text that is known to be valid.
class TextWalk {
 public:
  explicit TextWalk(std::string_view text) : text_(text) {}

  char Peek() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void Skip() { ++at_; }
  // The value that begins here.
  std::string_view Value() {
    Peek();
    const size_t start = at_;
    size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        SkipString();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        --depth;
        ++at_;
      } else if (depth > 0) {
        ++at_;
      } else {
        while (at_ < text_.size() && !IsSpace(text_[at_]) && text_[at_] != ',' &&
               text_[at_] != '}' && text_[at_] != ']') {
          ++at_;
        }
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(start, at_ - start);
  }

 private:
  void SkipString() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string WithoutSpace(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false;
  for (size_t at = 0; at < json.size(); ++at) {
    if (!in_string && IsSpace(json[at])) continue;
    out += json[at];
    if (in_string && json[at] == '\\' && at + 1 < json.size()) {
      out += json[++at];
    } else if (json[at] == '"') {
      in_string = !in_string;
    }
  }
  return out;
}

// A number with an exponent beyond every double's. jsonb would write it out, or refuse it.
bool HasHugeExponent(std::string_view json) {
  constexpr int kMostDigits = 3, kLargest = 400;
  bool in_string = false;
  for (size_t at = 0; at < json.size(); ++at) {
    if (in_string && json[at] == '\\') {
      ++at;
      continue;
    }
    if (json[at] == '"') in_string = !in_string;
    if (in_string || (json[at] != 'e' && json[at] != 'E')) continue;
    if (at == 0 || json[at - 1] < '0' || json[at - 1] > '9') continue;  // of true or false
    size_t digit = at + 1;
    if (digit < json.size() && (json[digit] == '+' || json[digit] == '-')) ++digit;
    while (digit < json.size() && json[digit] == '0') ++digit;
    int value = 0, count = 0;
    while (digit < json.size() && json[digit] >= '0' && json[digit] <= '9') {
      if (++count > kMostDigits) return true;
      value = value * 10 + (json[digit++] - '0');
    }
    if (value > kLargest) return true;
  }
  return false;
}

std::optional<std::string_view> RepeatedKey(dom::object object) {
  constexpr size_t kFew = 16;
  std::vector<std::string_view> keys;
  for (const dom::key_value_pair field : object) keys.push_back(field.key);
  if (keys.size() > kFew) {
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice == keys.end()) return std::nullopt;
    return *twice;
  }
  for (size_t i = 1; i < keys.size(); ++i) {
    const auto end = keys.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(keys.begin(), end, keys[i]) != end) return keys[i];
  }
  return std::nullopt;
}

// In the element or anything in it.
std::optional<std::string_view> RepeatedKey(dom::element element) {
  if (element.is_array()) {
    const dom::array array = element.get_array().value_unsafe();
    for (const dom::element child : array) {
      if (const auto key = RepeatedKey(child)) return key;
    }
  }
  if (!element.is_object()) return std::nullopt;
  const dom::object object = element.get_object().value_unsafe();
  if (const auto key = RepeatedKey(object)) return key;
  for (const dom::key_value_pair field : object) {
    if (const auto key = RepeatedKey(field.value)) return key;
  }
  return std::nullopt;
}

std::optional<bool> TruthFrom(std::string_view text) {
  const auto is = [&](std::string_view word) {
    return std::ranges::equal(text, word, [](char a, char b) { return (a | 0x20) == b; });
  };
  if (text == "1" || is("true")) return true;
  if (text == "0" || is("false")) return false;
  return std::nullopt;
}

}  // namespace

std::string_view JsonObject::Raw(std::string_view name) const {
  TextWalk walk(text_);
  walk.Peek();
  walk.Skip();                                       // the brace
  for (const dom::key_value_pair field : object_) {  // in the order of the text
    walk.Value();
    walk.Peek();
    walk.Skip();  // the colon
    const std::string_view value = walk.Value();
    if (field.key == name) return value;
    walk.Peek();
    walk.Skip();  // the comma
  }
  return {};
}

JsonReader::JsonReader(size_t max_depth) {
  if (parser_.allocate(64 * 1024, max_depth + 1) != simdjson::SUCCESS) throw std::bad_alloc();
}

Result<JsonObject> JsonReader::ParseObject(std::string_view text, JsonSource source) {
  dom::element root;
  const auto error = Parse(parser_, text).get(root);
  if (error != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "The text is not valid JSON.");
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "The JSON value must be an object.");
  }
  if (const auto key = RepeatedKey(root)) {
    constexpr size_t kShownBytes = 64;
    return Fail(ErrorCode::bad_json,
                "The key \"" + std::string(CutUtf8(*key, kShownBytes)) + "\" appears twice.");
  }
  return JsonObject(object, text, source);
}

Result<JsonObject> JsonReader::ParseForm(
    const std::vector<std::pair<std::string, std::string>>& fields) {
  std::map<std::string_view, std::vector<std::string_view>> values;
  for (const auto& [name, value] : fields) values[name].push_back(value);
  form_.clear();
  JsonWriter json(form_);
  json.BeginObject();
  for (const auto& [name, texts] : values) {
    json.Key(name);
    if (name == "metadata" && Parse(parser_, texts.back()).error() == simdjson::SUCCESS) {
      json.Raw(texts.back());
    } else if (texts.size() == 1) {
      json.String(texts.front());
    } else {
      json.BeginArray();
      for (const std::string_view text : texts) json.String(text);
      json.EndArray();
    }
  }
  json.EndObject();
  return ParseObject(form_, JsonSource::kForm);
}

std::optional<dom::element> FieldReader::Find(std::string_view name) const {
  dom::element element;
  if (object_.at_key(name).get(element) != simdjson::SUCCESS || element.is_null()) {
    return std::nullopt;
  }
  return element;
}

bool FieldReader::IsNull(std::string_view name) const {
  dom::element element;
  return object_.at_key(name).get(element) == simdjson::SUCCESS && element.is_null();
}

std::optional<dom::element> FieldReader::FindScalar(std::string_view name) const {
  auto element = Find(name);
  if (!element || object_.source() != JsonSource::kForm) return element;
  if (element->is_array()) {
    const dom::array all = element->get_array().value_unsafe();
    if (all.size() == 0) return std::nullopt;
    element = all.at(all.size() - 1).value_unsafe();
  }
  return element;
}

std::optional<std::string_view> FieldReader::NumberText(std::string_view name) const {
  const auto element = Find(name);
  if (!element || !element->is_number()) return std::nullopt;
  return object_.Raw(name);
}

// `raw`: of a number, as it was written.
std::optional<std::string_view> FieldReader::TextOf(dom::element element,
                                                    std::string_view raw) const {
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return text;
  if (object_.source() != JsonSource::kFrame && element.is_number()) return raw;
  return std::nullopt;
}

bool FieldReader::Has(std::string_view name) const { return Find(name).has_value(); }

void FieldReader::Wrong(std::string_view name, std::string what) {
  wrong_.emplace_back(name, std::move(what));
}

std::optional<Error> FieldReader::error() const {
  if (wrong_.empty()) return std::nullopt;
  Error error = Error::Field(wrong_.front().first, wrong_.front().second);
  error.fields = wrong_;
  return error;
}

std::optional<std::string_view> FieldReader::Text(std::string_view name) {
  const auto element = FindScalar(name);
  if (!element) return std::nullopt;
  const auto text = TextOf(*element, element->is_number() ? object_.Raw(name) : "");
  if (!text) {
    Wrong(name, "Must be a string.");
    return std::nullopt;
  }
  if (HoldsNul(*text)) {
    Wrong(name, "Must not contain U+0000.");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string_view> FieldReader::RequiredText(std::string_view name) {
  if (!Has(name)) {
    Wrong(name, "This field is required.");
    return std::nullopt;
  }
  return Text(name);
}

std::optional<int64_t> FieldReader::Integer(std::string_view name) {
  return WholeNumber(name, object_.source() == JsonSource::kForm);
}

std::optional<int64_t> FieldReader::IntegerOrText(std::string_view name) {
  return WholeNumber(name, true);
}

std::optional<int64_t> FieldReader::WholeNumber(std::string_view name, bool text_allowed) {
  const auto element = FindScalar(name);
  if (!element) return std::nullopt;
  std::string_view text;
  const bool is_text = text_allowed && element->get(text) == simdjson::SUCCESS;
  if (is_text && text.empty()) return std::nullopt;
  const auto value = is_text ? WholeNumberFrom(text) : WholeNumberFrom(*element);
  if (!value) Wrong(name, "Must be an integer.");
  return value;
}

std::optional<int64_t> WholeNumberFrom(dom::element element) {
  constexpr double kExactlyHeld = 9007199254740992;  // 2^53
  int64_t whole;
  if (element.get(whole) == simdjson::SUCCESS) return whole;
  double number;
  if (!element.is_double() || element.get(number) != simdjson::SUCCESS) return std::nullopt;
  if (std::abs(number) > kExactlyHeld || std::trunc(number) != number) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<int64_t> WholeNumberFrom(std::string_view digits) {
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end || digits.empty()) return std::nullopt;
  return value;
}

std::optional<bool> FieldReader::Bool(std::string_view name) {
  const auto element = FindScalar(name);
  if (!element) return std::nullopt;
  std::string_view text;
  if (object_.source() == JsonSource::kForm && element->get(text) == simdjson::SUCCESS) {
    if (text.empty()) return std::nullopt;
    const auto truth = TruthFrom(text);
    if (!truth) Wrong(name, "Must be true or false.");
    return truth;
  }
  bool value;
  if (element->get(value) != simdjson::SUCCESS) {
    Wrong(name, "Must be true or false.");
    return std::nullopt;
  }
  return value;
}

std::optional<Uuid> FieldReader::Id(std::string_view name) {
  const auto text = Text(name);
  if (!text || (text->empty() && object_.source() == JsonSource::kForm)) return std::nullopt;
  const auto id = Uuid::Parse(*text);
  if (!id) Wrong(name, "Must be a UUID.");
  return id;
}

std::optional<Uuid> FieldReader::RequiredId(std::string_view name) {
  if (!Has(name)) {
    Wrong(name, "This field is required.");
    return std::nullopt;
  }
  return Id(name);
}

std::optional<UserId> UserIdFrom(dom::element element) {
  if (const auto number = WholeNumberFrom(element)) return std::to_string(*number);
  uint64_t large;  // Django's PositiveBigInteger ids and others' unsigned ones
  if (element.get(large) == simdjson::SUCCESS) return std::to_string(large);
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) return std::nullopt;
  return ParseUserId(text);
}

std::optional<UserId> FieldReader::User(std::string_view name) {
  const auto element = FindScalar(name);
  if (!element) return std::nullopt;
  auto user = UserIdFrom(*element);
  if (!user) Wrong(name, "Must be a user id: " + std::string(kUserIdRule) + ".");
  return user;
}

std::optional<std::string> FieldReader::ShortText(std::string_view name, size_t characters) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  if (CountCodePoints(*text) > characters) {
    Wrong(name, "Must be at most " + std::to_string(characters) + " characters.");
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::vector<dom::element>> FieldReader::List(std::string_view name,
                                                           size_t max_count) {
  const auto element = Find(name);
  if (!element) return std::nullopt;
  dom::array array;
  if (object_.source() == JsonSource::kForm && element->is_string()) return {{*element}};
  if (element->get(array) != simdjson::SUCCESS) {
    Wrong(name, "Must be a list.");
    return std::nullopt;
  }
  std::vector<dom::element> items;
  for (const dom::element item : array) {
    if (items.size() == max_count) {
      Wrong(name, "Must have at most " + std::to_string(max_count) + " items.");
      return std::nullopt;
    }
    items.push_back(item);
  }
  return items;
}

std::optional<std::vector<std::string_view>> FieldReader::Texts(std::string_view name,
                                                                size_t max_count) {
  const auto items = List(name, max_count);
  if (!items) return std::nullopt;
  std::vector<std::string_view> texts;
  for (const dom::element item : *items) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) {
      Wrong(name, "Must be a list of strings.");
      return std::nullopt;
    }
    texts.push_back(text);
  }
  return texts;
}

std::optional<std::vector<UserId>> FieldReader::Users(std::string_view name, size_t max_count) {
  const auto items = List(name, max_count);
  if (!items) return std::nullopt;
  std::vector<UserId> users;
  for (const dom::element item : *items) {
    auto user = UserIdFrom(item);
    if (!user) {
      Wrong(name, "Must be a list of user ids: " + std::string(kUserIdRule) + ".");
      return std::nullopt;
    }
    users.push_back(std::move(*user));
  }
  return users;
}

std::optional<dom::object> FieldReader::Object(std::string_view name) {
  const auto element = Find(name);
  if (!element) return std::nullopt;
  dom::object object;
  if (element->get(object) != simdjson::SUCCESS) {
    Wrong(name, "Must be an object.");
    return std::nullopt;
  }
  return object;
}

std::string FieldReader::Metadata(std::string_view name, size_t max_bytes) {
  const auto object = Object(name);
  if (!object) return "{}";
  if (HoldsNul(dom::element(*Find(name)))) {
    Wrong(name, "Must not contain U+0000.");
    return "{}";
  }
  std::string text = WithoutSpace(object_.Raw(name));
  if (HasHugeExponent(text)) {
    Wrong(name, "Must not contain a number with an exponent beyond 400.");
    return "{}";
  }
  if (text.size() > max_bytes) {
    Wrong(name, "Must be at most " + std::to_string(max_bytes) + " bytes.");
    return "{}";
  }
  return text;
}

}  // namespace parley
