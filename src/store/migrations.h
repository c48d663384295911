// The SQL scripts that bring a store to the schema of this version: `src/store/<engine>/migrations/`,
// embedded by CMake. A file's name begins with the schema version that the script leads to, in four
// digits.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assets.h"

namespace parley {

struct Migration {
  int64_t version = 0;  // of the schema, after the script
  std::string_view sql;
};

class Migrations {
 public:
  // Selects the scripts in the folder of `engine`. Throws std::logic_error if a name has no version,
  // or if the versions have a hole or a duplicate.
  explicit Migrations(std::string_view engine, std::span<const assets::Asset> files = assets::all);

  int64_t newest() const { return scripts_.back().version; }
  // The scripts that a store of this version still needs, in order. 0: an empty store.
  std::span<const Migration> After(int64_t version) const;
  const std::vector<Migration>& all() const { return scripts_; }

 private:
  std::vector<Migration> scripts_;  // ascending, without holes, never empty
};

}  // namespace parley
