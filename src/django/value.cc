#include "django/value.h"

#include <algorithm>

namespace parley::django {

Value::Value() = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::Bool(bool value) {
  Value out;
  out.kind_ = Kind::kBool;
  out.flag_ = value;
  return out;
}

Value Value::Int(int64_t value) { return Number(std::to_string(value)); }

Value Value::Number(std::string text) {
  Value out;
  out.kind_ = Kind::kNumber;
  out.text_ = std::move(text);
  return out;
}

Value Value::String(std::string text) {
  Value out;
  out.kind_ = Kind::kString;
  out.text_ = std::move(text);
  return out;
}

Value Value::Bytes(std::string bytes) {
  Value out;
  out.kind_ = Kind::kBytes;
  out.text_ = std::move(bytes);
  return out;
}

Value Value::Array(std::vector<Value> items) {
  Value out;
  out.kind_ = Kind::kArray;
  out.items_ = std::move(items);
  return out;
}

Value Value::Object() { return Object({}); }

Value Value::Object(std::vector<Field> fields) {
  Value out;
  out.kind_ = Kind::kObject;
  out.fields_ = std::move(fields);
  return out;
}

const Value* Value::Find(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  return found == fields_.end() ? nullptr : &found->value;
}

std::optional<std::string_view> Value::TextAt(std::string_view name) const {
  const Value* const value = Find(name);
  if (value == nullptr || !value->is(Kind::kString)) return std::nullopt;
  return value->text();
}

void Value::Set(std::string_view name, Value value) {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  if (found != fields_.end()) {
    found->value = std::move(value);
  } else {
    fields_.push_back({std::string(name), std::move(value)});
  }
}

Value Value::Take(std::string_view name) {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  if (found == fields_.end()) return {};
  Value taken = std::move(found->value);
  fields_.erase(found);
  return taken;
}

bool Value::operator==(const Value& other) const {
  return kind_ == other.kind_ && flag_ == other.flag_ && text_ == other.text_ &&
         items_ == other.items_ && fields_ == other.fields_;
}

bool HasDuplicates(const std::vector<Field>& fields) {
  std::vector<std::string_view> names;
  names.reserve(fields.size());
  for (const Field& field : fields) names.push_back(field.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace parley::django
