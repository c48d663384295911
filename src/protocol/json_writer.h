// JSON out: appends to a string, compact, allocating nothing of its own. The caller keeps the order
// (a key before each value in an object, ends that match); commas are the writer's. What is written
// is valid UTF-8 whatever is given: bytes that are not become U+FFFD, so that one bad row never makes
// a frame that a client must refuse (RFC 6455 §8.1).
#pragma once
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// `text` in quotes. Escaped is only what must be: quote, backslash, and U+0000 to U+001F.
void AppendJsonString(std::string& out, std::string_view text);

class JsonWriter {
 public:
  // Nested deeper than this is a bug, and throws std::length_error.
  static constexpr int kMaxDepth = 63;

  // `out` may have text in it already, and must outlive the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }

  void Key(std::string_view name) {
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
  // `json` is one whole value, taken as it is.
  void Raw(std::string_view json);

  // One value of whatever type; an absent optional is null.
  void Value(std::string_view text) { String(text); }
  void Value(const std::string& text) { String(text); }
  void Value(const char* text) { String(text); }
  void Value(const Uuid& id);
  void Value(Timestamp time);
  template <std::same_as<bool> B>  // or else every pointer would be a truth
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
  void Field(std::string_view key, const T& value) {
    Key(key);
    Value(value);
  }

 private:
  // The comma before a key or an element; none after a key.
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
  uint64_t filled_ = 0;  // bit n: the n-th enclosing level has something in it already
  int depth_ = 0;
  bool after_key_ = false;
};

}  // namespace parley
