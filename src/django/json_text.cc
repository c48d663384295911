#include "django/json_text.h"

#include <cstdint>

#include "base/hex.h"
#include "base/utf8.h"
#include "protocol/json_writer.h"

namespace parley::django {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendCodePoint(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
    return;
  }
  if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      out += static_cast<char>(0xE0 | point >> 12);
    } else {
      out += static_cast<char>(0xF0 | point >> 18);
      out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (point & 0x3F));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Value> Parse() {
    Value value;
    if (!Read(value, 1)) return std::nullopt;
    SkipSpace();
    if (at_ != text_.size()) return std::nullopt;
    return value;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Accept(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  bool AcceptWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  bool Read(Value& out, int depth) {
    if (depth > kMostDepth || ++values_ > kMostValues) return false;
    SkipSpace();
    switch (Peek()) {
      case '{':
        return ReadObject(out, depth);
      case '[':
        return ReadArray(out, depth);
      case '"': {
        std::string text;
        if (!ReadString(text)) return false;
        out = Value::String(std::move(text));
        return true;
      }
      case 't':
        out = Value::Bool(true);
        return AcceptWord("true");
      case 'f':
        out = Value::Bool(false);
        return AcceptWord("false");
      case 'n':
        out = Value();
        return AcceptWord("null");
      default:
        return ReadNumber(out);
    }
  }

  bool ReadObject(Value& out, int depth) {
    std::vector<Field> fields;
    ++at_;
    SkipSpace();
    if (!Accept('}')) {
      do {
        Field field;
        SkipSpace();
        if (!ReadString(field.name)) return false;
        SkipSpace();
        if (!Accept(':') || !Read(field.value, depth + 1)) return false;
        fields.push_back(std::move(field));
        SkipSpace();
      } while (Accept(','));
      if (!Accept('}')) return false;
    }
    if (HasDuplicates(fields)) return false;
    out = Value::Object(std::move(fields));
    return true;
  }

  bool ReadArray(Value& out, int depth) {
    std::vector<Value> items;
    ++at_;
    SkipSpace();
    if (!Accept(']')) {
      do {
        Value item;
        if (!Read(item, depth + 1)) return false;
        items.push_back(std::move(item));
        SkipSpace();
      } while (Accept(','));
      if (!Accept(']')) return false;
    }
    out = Value::Array(std::move(items));
    return true;
  }

  bool ReadNumber(Value& out) {
    const size_t start = at_;
    Accept('-');
    if (!Accept('0') && !SkipDigits()) return false;
    if (Accept('.') && !SkipDigits()) return false;
    if (Accept('e') || Accept('E')) {
      if (!Accept('+')) Accept('-');
      if (!SkipDigits()) return false;
    }
    out = Value::Number(std::string(text_.substr(start, at_ - start)));
    return true;
  }
  bool SkipDigits() {
    const size_t start = at_;
    while (IsDigit(Peek())) ++at_;
    return at_ > start;
  }

  bool ReadString(std::string& out) {
    if (!Accept('"')) return false;
    for (;;) {
      const size_t start = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<uint8_t>(text_[at_]) >= 0x20) {
        ++at_;
      }
      out += text_.substr(start, at_ - start);
      if (Accept('"')) return true;
      if (!Accept('\\') || !ReadEscape(out)) return false;
    }
  }

  bool ReadEscape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = Peek();
    ++at_;
    if (letter != 'u') {
      const size_t index = letter == '\0' ? kLetters.npos : kLetters.find(letter);
      if (index == kLetters.npos) return false;
      out += kMeanings[index];
      return true;
    }
    uint32_t point = 0;
    if (!ReadHex(point)) return false;
    if (point >= 0xDC00 && point <= 0xDFFF) return false;
    if (point >= 0xD800 && point <= 0xDBFF) {
      uint32_t low = 0;
      if (!AcceptWord("\\u") || !ReadHex(low) || low < 0xDC00 || low > 0xDFFF) return false;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendCodePoint(out, point);
    return true;
  }
  bool ReadHex(uint32_t& out) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = HexDigit(Peek());
      if (digit < 0) return false;
      out = out << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
};

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<uint8_t>(group[i]) : 0);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i > group.size() ? '=' : kAlphabet[bits >> (18 - 6 * i) & 63];
    }
  }
  return out;
}

void AppendAsciiString(std::string& out, std::string_view text) {
  const auto escape = [&](uint32_t unit) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHexDigits[unit >> shift & 15];
  };
  std::string quoted;
  AppendJsonString(quoted, text);  // valid UTF-8, control characters escaped
  for (size_t at = 0; at < quoted.size();) {
    const auto lead = static_cast<uint8_t>(quoted[at++]);
    if (lead < 0x80) {
      out += static_cast<char>(lead);
      continue;
    }
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    uint32_t point = lead & (0x3Fu >> more);
    for (int i = 0; i < more; ++i) point = point << 6 | (static_cast<uint8_t>(quoted[at++]) & 0x3F);
    if (point < 0x10000) {
      escape(point);
    } else {
      escape(0xD800 + ((point - 0x10000) >> 10));
      escape(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
}

struct Style {
  std::string_view comma, colon;
  void (*append_string)(std::string&, std::string_view);
};

void Append(std::string& out, const Value& value, const Style& style) {
  std::string_view separator;
  switch (value.kind()) {
    case Value::Kind::kNull:
      out += "null";
      return;
    case Value::Kind::kBool:
      out += value.flag() ? "true" : "false";
      return;
    case Value::Kind::kNumber:
      out += value.text();
      return;
    case Value::Kind::kString:
      return style.append_string(out, value.text());
    case Value::Kind::kBytes:
      return style.append_string(out, IsUtf8(value.text()) ? value.text() : Base64(value.text()));
    case Value::Kind::kArray:
      out += '[';
      for (const Value& item : value.items()) {
        out += std::exchange(separator, style.comma);
        Append(out, item, style);
      }
      out += ']';
      return;
    case Value::Kind::kObject:
      out += '{';
      for (const Field& field : value.fields()) {
        out += std::exchange(separator, style.comma);
        style.append_string(out, field.name);
        out += style.colon;
        Append(out, field.value, style);
      }
      out += '}';
      return;
  }
}

}  // namespace

std::optional<Value> ParseJson(std::string_view text) {
  if (text.size() > kMostBytes || !IsUtf8(text)) return std::nullopt;
  return Parser(text).Parse();
}

void AppendJson(std::string& out, const Value& value) {
  Append(out, value, {",", ":", AppendJsonString});
}

std::string JsonOf(const Value& value) {
  std::string out;
  AppendJson(out, value);
  return out;
}

void AppendPythonJson(std::string& out, const Value& value) {
  Append(out, value, {", ", ": ", AppendAsciiString});
}

}  // namespace parley::django
