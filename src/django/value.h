// A value that JSON and MessagePack have in common: what travels on Django's channel layer.
//
// Numbers are kept as JSON text ("1", "1.0", "1e400"), so that a number passes through unchanged, digit
// for digit, if both sides can hold it. Threads: one.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::django {

struct Field;

class Value {
 public:
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kBytes, kArray, kObject };

  Value();
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  static Value Bool(bool value);
  static Value Int(int64_t value);
  // `text` is a JSON number.
  static Value Number(std::string text);
  static Value String(std::string text);
  static Value Bytes(std::string bytes);
  static Value Array(std::vector<Value> items = {});
  // The names are distinct.
  static Value Object();
  static Value Object(std::vector<Field> fields);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool flag() const { return flag_; }                // of a kBool
  const std::string& text() const { return text_; }  // of a kNumber, kString or kBytes
  const std::vector<Value>& items() const { return items_; }
  std::vector<Value>& items() { return items_; }
  const std::vector<Field>& fields() const { return fields_; }

  // The field of an object, or null. Of a value that is not an object, null.
  const Value* Find(std::string_view name) const;
  // Returns the text if the field is a string.
  std::optional<std::string_view> TextAt(std::string_view name) const;
  // Adds a field, or replaces it.
  void Set(std::string_view name, Value value);
  // Removes a field and returns it; a null if it is absent.
  Value Take(std::string_view name);

  bool operator==(const Value& other) const;

 private:
  Kind kind_ = Kind::kNull;
  bool flag_ = false;
  std::string text_;
  std::vector<Value> items_;
  std::vector<Field> fields_;
};

struct Field {
  std::string name;
  Value value;
  bool operator==(const Field& other) const = default;
};

// Limits on a message from another system. The nesting includes the message itself.
inline constexpr int kMostDepth = 64;
inline constexpr size_t kMostBytes = 1024 * 1024;
// A value in memory is larger than its byte in MessagePack.
inline constexpr size_t kMostValues = 50'000;

// Returns true if a name occurs twice.
bool HasDuplicates(const std::vector<Field>& fields);

}  // namespace parley::django
