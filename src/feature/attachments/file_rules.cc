#include "feature/attachments/file_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/controls.h"
#include "base/utf8.h"

namespace parley {
namespace {

constexpr size_t kLongestName = 255;  // bytes

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes{{
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"png", "image/png"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"pdf", "application/pdf"},
}};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Including the dot; empty if there is no extension.
std::string_view ExtensionOf(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
}

// Truncated to at most `size` bytes at a character boundary.
std::string_view Cut(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

bool IsAttributeCharacter(char c) {  // RFC 8187 §3.2.1
  const bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return alphanumeric || std::string_view("!#$&+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> CleanFileName(std::string_view name) {
  if (!IsUtf8(name)) return std::nullopt;
  if (const size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos) {
    name.remove_prefix(slash + 1);
  }
  std::string clean;
  for (size_t i = 0; i < name.size();) {
    const size_t control = ControlAt(name.substr(i)).size;
    if (control == 0) clean += name[i];
    i += std::max<size_t>(control, 1);
  }
  while (clean.ends_with(' ') || clean.ends_with('.')) clean.pop_back();
  clean.erase(0, clean.find_first_not_of(' '));
  if (clean.empty()) return std::nullopt;
  const std::string extension(ExtensionOf(clean));
  if (clean.size() <= kLongestName || extension.size() >= kLongestName) {
    return std::string(Cut(clean, kLongestName));
  }
  const std::string_view stem(clean.data(), clean.size() - extension.size());
  return std::string(Cut(stem, kLongestName - extension.size())) + extension;
}

std::optional<std::string_view> TypeOfName(std::string_view name) {
  std::string extension(ExtensionOf(name));
  if (extension.empty()) return std::nullopt;
  std::ranges::transform(extension, extension.begin(), Lower);
  for (const auto& [known, type] : kTypes) {
    if (std::string_view(extension).substr(1) == known) return type;
  }
  return std::nullopt;
}

bool IsTakenType(std::string_view media_type) {
  return std::ranges::any_of(kTypes, [&](const auto& known) { return known.second == media_type; });
}

std::string DispositionOf(std::string_view filename) {
  std::string plain, encoded;
  for (const char c : filename) {
    const auto byte = static_cast<unsigned char>(c);
    plain += byte < 0x20 || byte > 0x7E || c == '"' || c == '\\' || c == '%' ? '_' : c;
    if (IsAttributeCharacter(c)) {
      encoded += c;
    } else {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      encoded += '%';
      encoded += kHex[byte >> 4];
      encoded += kHex[byte & 15];
    }
  }
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + encoded;
}

}  // namespace parley
