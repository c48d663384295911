// User ids and UUIDs of clients: accepted ids have the documented form, and parsing a formatted id does not
// change it.
//
// Input: the text.
// Sources: src/base/clock.cc src/base/ids.cc src/base/keyed_hash.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/ids.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto user = parley::ParseUserId(text);
  const auto uuid = parley::Uuid::Parse(text);
  if (user) {
    Require(user->size() == size && size >= 1 && size <= parley::kUserIdBytes);
    Require(*user != "." && *user != "..");
    for (const char c : *user) {
      Require(c > ' ' && c < 0x7F &&
              std::string_view("\"\\<>/?#%").find(c) == std::string_view::npos);
    }
    Require(parley::ParseUserId(*user) == user && parley::IsUserId(*user));
    Require(*user == text || (uuid && size == 36 && *user == uuid->ToString()));
  } else {
    Require(!parley::IsUserId(text));
  }
  if (uuid) {
    Require(size == 36 || size == 32);
    Require(parley::Uuid::Parse(uuid->ToString()) == uuid);
    Require(user.has_value());  // every UUID is a user id
    Require(std::hash<parley::Uuid>()(*uuid) == std::hash<parley::Uuid>()(*uuid));
  }
  return 0;
}
