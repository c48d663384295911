// Authenticates cache entries, so that a program that can write to Redis cannot make Parley use what it
// wrote: HMAC-SHA256 over the key and the value, with a key derived from a secret of the store. Nodes of
// one store verify each other's entries; an entry cannot be moved to another key. An old entry of the
// same key can be put back, so an entry must contain what it is valid for.
//
// Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "auth/key.h"

namespace parley {

class CacheSeal {
 public:
  explicit CacheSeal(const std::string& store_secret);

  // Returns the JSON text {"mac":"…","data":JSON}.
  std::string Seal(std::string_view key, std::string_view json) const;
  // Returns the JSON inside, a part of `text`; nullopt if the entry is not authentic.
  std::optional<std::string_view> Open(std::string_view key, std::string_view text) const;

 private:
  static std::string Signed(std::string_view key, std::string_view json);

  const Key key_;
};

}  // namespace parley
