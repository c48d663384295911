#include "protocol/json_reader.h"

#include <cmath>

#include "net/utf8.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

// PostgreSQL's text and jsonb hold no U+0000, so no store of ours does (faults.md D1).
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
  const auto is_digit = [&](size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
  };
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
    const char before = at == 0 ? ' ' : text[at - 1];
    if (in_string || !is_digit(at) ||
        std::string_view(".eE+").find(before) != std::string_view::npos) {
      out += c;
      ++at;
      continue;
    }
    size_t end = at;
    while (is_digit(end)) ++end;
    const std::string_view digits = text.substr(at, end - at);
    out.append(digits);
    const char next = end < text.size() ? text[end] : ' ';
    const bool fits =
        digits.size() < kLargest.size() || (digits.size() == kLargest.size() && digits <= kLargest);
    if (!fits && next != '.' && next != 'e' && next != 'E') out += ".0";
    at = end;
  }
  return out;
}

}  // namespace

JsonReader::JsonReader(size_t max_depth) {
  if (parser_.allocate(64 * 1024, max_depth + 1) != simdjson::SUCCESS) throw std::bad_alloc();
}

Result<dom::object> JsonReader::ParseObject(std::string_view text) {
  dom::element root;
  auto error = parser_.parse(text.data(), text.size()).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    error = parser_.parse(WithFractions(text)).get(root);
  }
  if (error != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "This is not valid JSON.");
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "A JSON object is needed.");
  }
  return object;
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
  const auto element = Find(name);
  if (!element) return std::nullopt;
  std::string_view text;
  if (element->get(text) != simdjson::SUCCESS) {
    Wrong(name, "Must be text.");
    return std::nullopt;
  }
  if (HoldsNul(text)) {
    Wrong(name, "Must not hold U+0000.");
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
  const auto element = Find(name);
  if (!element) return std::nullopt;
  const auto value = WholeNumberFrom(*element);
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

std::optional<bool> FieldReader::Bool(std::string_view name) {
  const auto element = Find(name);
  if (!element) return std::nullopt;
  bool value;
  if (element->get(value) != simdjson::SUCCESS) {
    Wrong(name, "Must be true or false.");
    return std::nullopt;
  }
  return value;
}

std::optional<Uuid> FieldReader::Id(std::string_view name) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
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
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS && IsUserId(text)) return UserId(text);
  return std::nullopt;
}

std::optional<UserId> FieldReader::User(std::string_view name) {
  const auto element = Find(name);
  if (!element) return std::nullopt;
  auto user = UserIdFrom(*element);
  if (!user) Wrong(name, "Must be a user id: 1 to 64 of A-Z a-z 0-9 _ . : @ -");
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

std::optional<std::vector<std::string_view>> FieldReader::Texts(std::string_view name,
                                                                size_t max_count) {
  const auto element = Find(name);
  if (!element) return std::nullopt;
  dom::array array;
  if (element->get(array) != simdjson::SUCCESS) {
    Wrong(name, "Must be a list.");
    return std::nullopt;
  }
  std::vector<std::string_view> texts;
  for (dom::element item : array) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) {
      Wrong(name, "Must be a list of texts.");
      return std::nullopt;
    }
    if (texts.size() == max_count) {
      Wrong(name, "Must hold at most " + std::to_string(max_count) + ".");
      return std::nullopt;
    }
    texts.push_back(text);
  }
  return texts;
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
    Wrong(name, "Must not hold U+0000.");
    return "{}";
  }
  std::string text = simdjson::minify(*object);
  if (text.size() > max_bytes) {
    Wrong(name, "Must be at most " + std::to_string(max_bytes) + " bytes.");
    return "{}";
  }
  return text;
}

}  // namespace parley
