#include "base/log_line.h"

#include <algorithm>

#include "base/controls.h"
#include "base/utf8.h"

namespace parley::log {
namespace {

bool IsNameCharacter(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

// Formats consecutive parts of a format, each with the arguments that follow those of the previous part.
class Parts {
 public:
  Parts(fmt::format_args args, std::span<const bool> numbers) : args_(args), numbers_(numbers) {}

  std::string Format(std::string_view part) {
    std::string numbered;
    for (size_t i = 0; i < part.size(); ++i) {
      numbered += part[i];
      if (part[i] != '{' && part[i] != '}') continue;
      if (i + 1 < part.size() && part[i + 1] == part[i]) {  // an escaped brace
        numbered += part[++i];
      } else if (part[i] == '{') {
        numbered += std::to_string(next_++);
      }
    }
    return fmt::vformat(numbered, args_);
  }
  // Returns true if the part is only the next argument, and that is a number.
  bool IsNumber(std::string_view part) const {
    return part == "{}" && next_ < numbers_.size() && numbers_[next_];
  }

 private:
  const fmt::format_args args_;
  const std::span<const bool> numbers_;
  size_t next_ = 0;
};

// The length of a word, in which quoted text can contain spaces.
size_t WordLength(std::string_view text) {
  bool quoted = false;
  size_t i = 0;
  for (; i < text.size() && (quoted || text[i] != ' '); ++i) quoted ^= text[i] == '"';
  return i;
}

// The length of the name of a field `name=`; 0 if the word is not a field.
size_t NameLength(std::string_view word) {
  const auto end = std::ranges::find_if_not(word, IsNameCharacter);
  return end != word.end() && *end == '=' ? static_cast<size_t>(end - word.begin()) : 0;
}

bool IsPlain(std::string_view value) {
  return std::ranges::none_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || c == '"' || c == '=' || c == '\\';
  });
}

// `quoted`: escapes quotes and backslashes, too.
void Escape(std::string& out, std::string_view text, bool quoted) {
  std::string repaired;
  if (!IsUtf8(text)) text = repaired = RepairUtf8(text);
  while (!text.empty()) {
    const ControlCharacter control = ControlAt(text);
    if (control.size > 0) {
      out += fmt::format("\\u{:04x}", control.code);
      text.remove_prefix(control.size);
      continue;
    }
    if (quoted && (text[0] == '"' || text[0] == '\\')) out += '\\';
    out += text[0];
    text.remove_prefix(1);
  }
}

void Quote(std::string& out, std::string_view text) {
  out += '"';
  Escape(out, text, true);
  out += '"';
}

}  // namespace

Line FormatLine(std::string_view format, fmt::format_args args, std::span<const bool> numbers) {
  Line line;
  Parts parts(args, numbers);
  size_t message = 0;  // the length of the message in the format
  while (message < format.size()) {
    const std::string_view rest = format.substr(message);
    const size_t space = rest.starts_with(' ') ? 1 : 0;
    if (NameLength(rest.substr(space)) > 0) break;
    message += std::max<size_t>(1, space + WordLength(rest.substr(space)));
  }
  line.message = parts.Format(format.substr(0, message));
  format.remove_prefix(message);
  while (!format.empty()) {
    format.remove_prefix(format.starts_with(' ') ? 1 : 0);
    std::string_view word = format.substr(0, WordLength(format));
    format.remove_prefix(word.size());
    const size_t name = NameLength(word);
    std::string_view value = word.substr(std::min(word.size(), name + 1));
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    const bool number = parts.IsNumber(value);
    Field field{std::string(word.substr(0, name)), parts.Format(value), number};
    if (name > 0 && !field.value.empty()) line.fields.push_back(std::move(field));
  }
  return line;
}

std::string ToText(const Line& line, Timestamp time, std::string_view level) {
  std::string out = FormatTimestamp(time);
  out.append(" ").append(level).append(" ");
  Escape(out, line.message, false);
  for (const Field& field : line.fields) {
    out.append(" ").append(field.name).append("=");
    if (IsPlain(field.value)) {
      Escape(out, field.value, false);
    } else {
      Quote(out, field.value);
    }
  }
  return out += '\n';
}

std::string ToJson(const Line& line, Timestamp time, std::string_view level) {
  std::string out = R"({"time":")" + FormatTimestamp(time) + R"(","level":")";
  out.append(level).append(R"(","message":)");
  Quote(out, line.message);
  for (const Field& field : line.fields) {
    out.append(",\"").append(field.name).append("\":");
    if (field.number) {
      out += field.value;
    } else {
      Quote(out, field.value);
    }
  }
  return out += "}\n";
}

}  // namespace parley::log
