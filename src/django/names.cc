#include "django/names.h"

#include <openssl/sha.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/hex.h"

namespace parley::django {
namespace {

constexpr size_t kMostName = 99;
constexpr std::string_view kConversation = "conversation_", kUser = "user_";
constexpr size_t kHashDigits = 2 * SHA256_DIGEST_LENGTH;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

std::string Sha256Hex(std::string_view text) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  return HexOf(digest);
}

}  // namespace

std::string ConversationGroup(const Uuid& conversation) {
  std::string group(kConversation);
  AppendUuid(group, conversation);
  return group;
}

std::string UserGroup(const UserId& user) {
  std::string group = std::string(kUser) + user;
  const bool looks_hashed =
      user.size() == 1 + kHashDigits && user[0] == 'x' && IsLowerHex(user.substr(1));
  if (IsGroupName(group) && !looks_hashed) return group;
  return std::string(kUser) + "x" + Sha256Hex(user);
}

std::optional<Uuid> ConversationOfGroup(std::string_view group) {
  if (!group.starts_with(kConversation)) return std::nullopt;
  return Uuid::Parse(group.substr(kConversation.size()));
}

bool IsGroupName(std::string_view name) {
  return !name.empty() && name.size() <= kMostName && std::ranges::all_of(name, IsNameCharacter);
}

bool IsChannelName(std::string_view name) {
  if (name.size() > kMostName) return false;
  const size_t mark = name.find('!');
  if (!IsGroupName(name.substr(0, mark))) return false;
  return mark == name.npos || std::ranges::all_of(name.substr(mark + 1), IsNameCharacter);
}

std::string_view NonLocal(std::string_view channel) {
  const size_t mark = channel.find('!');
  return mark == channel.npos ? channel : channel.substr(0, mark + 1);
}

std::string NodeChannel(std::string_view node) {
  return std::string(kNodeChannels) + std::string(node) + "!";
}

std::string GroupSuffix(std::string_view group) {
  constexpr size_t kChannel = kNodeChannels.size() + 32 + 1;
  if (kChannel + group.size() <= kMostName) return std::string(group);
  return "sha256." + Sha256Hex(group).substr(0, 32);
}

std::string GroupKey(std::string_view prefix, std::string_view group) {
  return std::string(prefix) + ":group:" + std::string(group);
}

std::string InboxKey(std::string_view prefix, std::string_view non_local) {
  return std::string(prefix) + std::string(non_local);
}

std::string PubSubChannel(std::string_view prefix, std::string_view group) {
  return std::string(prefix) + "__group__" + std::string(group);
}

size_t HostOf(std::string_view value, size_t hosts) {
  if (hosts == 1) return 0;
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(value.data()), static_cast<uInt>(value.size()));
  const double ring = static_cast<double>(crc & 0xFFF) / (4096.0 / static_cast<double>(hosts));
  return static_cast<size_t>(ring);
}

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  size_t at = 0, from = 0;                 // in the pattern, in the text
  size_t star = pattern.npos, resume = 0;  // after the last `*`, and where it was tried
  const auto matches_one = [&](char c, size_t& next) {
    if (pattern[at] != '[') {
      next = at + 1;
      return pattern[at] == '?' || pattern[at] == c;
    }
    size_t first = at + 1;
    const bool negated = first < pattern.size() && pattern[first] == '!';
    if (negated) ++first;
    const size_t end = pattern.find(']', first + 1);  // a `]` at the start is part of the set
    if (end == pattern.npos) {
      next = at + 1;
      return c == '[';
    }
    bool in_set = false;
    for (size_t i = first; i < end; ++i) {
      if (i + 2 < end && pattern[i + 1] == '-') {
        in_set = in_set || (pattern[i] <= c && c <= pattern[i + 2]);
        i += 2;
      } else {
        in_set = in_set || pattern[i] == c;
      }
    }
    next = end + 1;
    return in_set != negated;
  };
  while (from < text.size()) {
    size_t next = 0;
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      resume = from;
    } else if (at < pattern.size() && matches_one(text[from], next)) {
      at = next;
      ++from;
    } else if (star != pattern.npos) {
      at = star;
      from = ++resume;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

int Capacities::Of(std::string_view channel) const {
  for (const auto& [pattern, capacity] : patterns) {
    if (MatchesGlob(pattern, channel)) return capacity;
  }
  return otherwise;
}

}  // namespace parley::django
