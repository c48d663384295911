#include "http/multipart.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/blanks.h"
#include "base/utf8.h"
#include "http/percent.h"

namespace parley {
namespace {

using Kind = MultipartEvent::Kind;

constexpr std::string_view kLineEnd = "\r\n";

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsBoundaryCharacter(char c) {
  const bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return alphanumeric || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

struct HeaderValue {
  std::string_view value;
  std::vector<std::pair<std::string_view, std::string>> parameters;

  // Returns the only parameter with that name, or nullptr if there are none or several.
  const std::string* Find(std::string_view name) const {
    const std::string* found = nullptr;
    for (const auto& [key, text] : parameters) {
      if (!EqualsIgnoringCase(key, name)) continue;
      if (found != nullptr) return nullptr;
      found = &text;
    }
    return found;
  }
};

// Returns the content of a quoted string; `rest` is set to the text after it. Only \" and \\ are
// escapes: some browsers send the backslashes of a path unescaped.
std::optional<std::string> TakeQuoted(std::string_view& rest) {
  std::string text;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return text;
    }
    const bool escape =
        rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\');
    if (escape) ++i;
    text += rest[i];
  }
  return std::nullopt;
}

// Parses "form-data; name=a; filename=\"b\"". Returns nullopt if it is malformed.
std::optional<HeaderValue> ParseHeaderValue(std::string_view text) {
  HeaderValue result;
  size_t end = std::min(text.find(';'), text.size());
  result.value = TrimBlanks(text.substr(0, end));
  std::string_view rest = text.substr(end);
  while (!rest.empty()) {
    rest = TrimBlanks(rest.substr(1));  // the semicolon
    if (rest.empty()) break;
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = TrimBlanks(rest.substr(0, equals));
    if (name.empty() || name.find_first_of(";\"") != std::string_view::npos) return std::nullopt;
    rest = TrimBlanks(rest.substr(equals + 1));
    std::optional<std::string> value;
    if (!rest.empty() && rest.front() == '"') {
      value = TakeQuoted(rest);
    } else {
      end = std::min(rest.find(';'), rest.size());
      value = std::string(TrimBlanks(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
    rest = TrimBlanks(rest);
    if (!value || (!rest.empty() && rest.front() != ';')) return std::nullopt;
    result.parameters.emplace_back(name, std::move(*value));
  }
  return result;
}

// Decodes UTF-8'language'percent-encoded (RFC 8187 §3.2). Returns nullopt for another charset or a
// malformed value.
std::optional<std::string> ExtendedValue(std::string_view text) {
  constexpr std::string_view kCharset = "UTF-8'";
  if (!EqualsIgnoringCase(text.substr(0, kCharset.size()), kCharset)) return std::nullopt;
  const size_t quote = text.find('\'', kCharset.size());
  if (quote == std::string_view::npos) return std::nullopt;
  auto value = PercentDecode(text.substr(quote + 1), false);
  if (!value || !IsUtf8(*value) || value->find('\0') != std::string::npos) return std::nullopt;
  return value;
}

// `section`: header lines with their line ends. Returns an empty string on success.
std::string_view ParsePartHeader(std::string_view section, PartHeader& header) {
  if (section.find('\0') != std::string_view::npos)
    return "a part's header contains a NUL character";
  bool disposition = false;
  while (!section.empty()) {
    const size_t end = section.find(kLineEnd);
    const std::string_view line = section.substr(0, end);
    section.remove_prefix(end + kLineEnd.size());
    const size_t colon = line.find(':');
    if (IsBlank(line.front()) || colon == 0 || colon == std::string_view::npos) {
      return "a part has a malformed header line";
    }
    const std::string_view name = line.substr(0, colon);
    if (EqualsIgnoringCase(name, "Content-Type"))
      header.content_type = TrimBlanks(line.substr(colon + 1));
    if (!EqualsIgnoringCase(name, "Content-Disposition")) continue;
    const auto value = ParseHeaderValue(line.substr(colon + 1));
    if (disposition || !value || !EqualsIgnoringCase(value->value, "form-data")) {
      return "a part needs exactly one Content-Disposition: form-data";
    }
    disposition = true;
    const std::string* field = value->Find("name");
    if (field == nullptr) return "a part needs exactly one name";
    header.name = *field;
    if (const std::string* filename = value->Find("filename")) header.filename = *filename;
    if (const std::string* extended = value->Find("filename*")) {
      if (auto filename = ExtendedValue(*extended)) header.filename = std::move(*filename);
    }
  }
  return disposition ? "" : "a part needs exactly one Content-Disposition: form-data";
}

}  // namespace

Result<std::string> MultipartBoundary(std::string_view content_type) {
  const auto value = ParseHeaderValue(content_type);
  if (!value || !EqualsIgnoringCase(value->value, "multipart/form-data")) {
    return Fail(ErrorCode::unsupported_media_type, "The body must be multipart/form-data.");
  }
  const std::string* boundary = value->Find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70 ||
      boundary->back() == ' ' || !std::ranges::all_of(*boundary, IsBoundaryCharacter)) {
    return Fail(ErrorCode::bad_request, "Content-Type needs one boundary of 1 to 70 characters.");
  }
  return *boundary;
}

// The first delimiter does not require a preceding line end.
MultipartParser::MultipartParser(std::string_view boundary, size_t most_parts)
    : delimiter_("\r\n--" + std::string(boundary)),
      matched_(kLineEnd.size()),
      most_parts_(most_parts) {}

MultipartEvent MultipartParser::Next(std::string_view& input) {
  while (!input.empty()) {
    std::optional<MultipartEvent> event;
    switch (state_) {
      case State::kPreamble:
      case State::kContent:
        event = ReadContent(input);
        break;
      case State::kDelimiter:
        event = ReadDelimiterEnd(input);
        break;
      case State::kHeader:
        event = ReadHeader(input);
        break;
      case State::kEpilogue:
      case State::kFailed:
        input = {};
        break;
    }
    if (event) return *event;
  }
  return {};
}

// Searches the next delimiter. The delimiter contains CR only as its first byte, so after a
// mismatch the search can restart at the mismatching byte.
std::optional<MultipartEvent> MultipartParser::ReadContent(std::string_view& input) {
  const bool content = state_ == State::kContent;
  if (matched_ == 0) {
    const size_t plain = std::min(input.find('\r'), input.size());
    const std::string_view payload = input.substr(0, plain);
    input.remove_prefix(plain);
    if (content && !payload.empty()) return MultipartEvent{Kind::kData, payload};
  }
  while (!input.empty() && matched_ < delimiter_.size() && input.front() == delimiter_[matched_]) {
    input.remove_prefix(1);
    ++matched_;
  }
  if (matched_ == delimiter_.size()) {
    matched_ = 0;
    state_ = State::kDelimiter;
    if (content) return MultipartEvent{Kind::kPartEnd, {}};
  } else if (!input.empty()) {
    const std::string_view payload = std::string_view(delimiter_).substr(0, matched_);
    matched_ = 0;
    if (content && !payload.empty()) return MultipartEvent{Kind::kData, payload};
  }
  return std::nullopt;
}

std::optional<MultipartEvent> MultipartParser::ReadDelimiterEnd(std::string_view& input) {
  held_ += input.front();
  input.remove_prefix(1);
  if (held_ == "--") {
    held_ = {};
    state_ = State::kEpilogue;
    return MultipartEvent{Kind::kEnd, {}};
  }
  if (held_.ends_with(kLineEnd)) {
    if (!TrimBlanks(std::string_view(held_).substr(0, held_.size() - kLineEnd.size())).empty()) {
      return Fail("a boundary line has trailing data");
    }
    if (++parts_ > most_parts_) return Fail("too many parts");
    held_.clear();
    header_ = {};
    state_ = State::kHeader;
  } else if (held_.size() > kMaxPadding) {
    return Fail("a boundary line has trailing data");
  }
  return std::nullopt;
}

std::optional<MultipartEvent> MultipartParser::ReadHeader(std::string_view& input) {
  held_ += input.front();
  input.remove_prefix(1);
  if (held_ == kLineEnd || held_.ends_with("\r\n\r\n")) {
    const std::string_view section(held_.data(), held_.size() - kLineEnd.size());
    const std::string_view wrong = ParsePartHeader(section, header_);
    if (!wrong.empty()) return Fail(wrong);
    held_ = {};
    state_ = State::kContent;
    return MultipartEvent{Kind::kPart, {}};
  }
  if (held_.size() >= kMaxHeader) return Fail("a part's header is too large");
  return std::nullopt;
}

MultipartEvent MultipartParser::Fail(std::string_view why) {
  held_ = {};
  state_ = State::kFailed;
  return {Kind::kError, why};
}

}  // namespace parley
