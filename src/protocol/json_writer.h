// JSON output: appends compact JSON to a string, without allocating memory of its own. The caller is
// responsible for the order (a key before each value in an object, matching ends); the writer adds
// commas. The output is always valid UTF-8: invalid bytes become U+FFFD, so that a corrupt row never
// causes a frame that clients must reject (RFC 6455 §8.1).
#pragma once
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// Appends `text` in quotes. Only quotes, backslashes, and U+0000 to U+001F are escaped.
void AppendJsonString(std::string& out, std::string_view text);

// The name of a member, known at compile time: it needs no escape.
struct JsonName {
  template <size_t kSize>
  consteval JsonName(const char (&literal)[kSize])  // NOLINT(google-explicit-constructor)
      : text(literal, kSize - 1) {
    for (const char c : text) {
      if (c < ' ' || c > '~' || c == '"' || c == '\\')
        throw std::invalid_argument("needs an escape");
    }
  }
  std::string_view text;
};

class JsonWriter {
 public:
  // Deeper nesting is a bug and throws std::length_error.
  static constexpr int kMaxDepth = 63;

  // `out` can contain text already and must outlive the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }

  void Key(JsonName name) {
    const bool comma = (filled_ & 1) != 0;
    const size_t at = out_.size(), size = name.text.size();
    out_.append(size + 3 + static_cast<size_t>(comma), '"');
    char* to = out_.data() + at;
    if (comma) *to++ = ',';
    std::memcpy(to + 1, name.text.data(), size);
    to[size + 2] = ':';
    filled_ |= 1;
    after_key_ = true;
  }
  // A name that is not a literal.
  template <class Text>
    requires(!std::is_array_v<Text>)
  void Key(const Text& name) {
    Separate();
    AppendJsonString(out_, name);
    out_ += ':';
    after_key_ = true;
  }

  void String(std::string_view text) {
    Separate();
    AppendJsonString(out_, text);
  }
  void Int(int64_t number) { Number(number); }
  void Bool(bool value) { Raw(value ? "true" : "false"); }
  void Null() { Raw("null"); }
  // Appends `json`, one complete value, unchanged.
  void Raw(std::string_view json);

  // Appends a value of any supported type; an empty optional is null.
  void Value(std::string_view text) { String(text); }
  void Value(const std::string& text) { String(text); }
  void Value(const char* text) { String(text); }
  void Value(const Uuid& id);
  void Value(Timestamp time);
  template <std::same_as<bool> B>  // otherwise every pointer would convert to bool
  void Value(B value) {
    Bool(value);
  }
  template <std::integral I>
    requires(!std::same_as<I, bool> && !std::same_as<I, char>)
  void Value(I number) {
    Number(number);
  }
  template <class T>
  void Value(const std::optional<T>& value) {
    if (value) {
      Value(*value);
    } else {
      Null();
    }
  }

  template <class T>
  void Field(JsonName key, const T& value) {
    Key(key);
    Value(value);
  }
  template <class Text, class T>
    requires(!std::is_array_v<Text>)
  void Field(const Text& key, const T& value) {
    Key(key);
    Value(value);
  }
  // Appends one complete value that `append(std::string&)` writes, which must be valid UTF-8.
  template <class Append>
  void ValueFrom(Append append) {
    Separate();
    append(out_);
  }

 private:
  // Appends the comma before a key or an element, except after a key.
  void Separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if ((filled_ & 1) != 0) out_ += ',';
    filled_ |= 1;
  }
  void Begin(char bracket);
  void End(char bracket) {
    out_ += bracket;
    filled_ >>= 1;
    --depth_;
  }
  template <std::integral I>
  void Number(I number) {
    Separate();
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out_.append(digits, static_cast<size_t>(end - digits));
  }

  std::string& out_;
  uint64_t filled_ = 0;  // bit n is set if the n-th enclosing level is not empty
  int depth_ = 0;
  bool after_key_ = false;
};

}  // namespace parley
