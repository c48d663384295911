#include "store/migrations.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace parley {
namespace {

constexpr size_t kDigits = 4;

// Returns 0 if the name does not begin with four digits and an underscore.
int64_t VersionIn(std::string_view name) {
  if (name.size() <= kDigits || name[kDigits] != '_') return 0;
  int64_t version = 0;
  const char* end = name.data() + kDigits;
  return std::from_chars(name.data(), end, version).ptr == end ? version : 0;
}

}  // namespace

Migrations::Migrations(std::string_view engine, std::span<const assets::Asset> files) {
  const std::string folder = "src/store/" + std::string(engine) + "/migrations/";
  for (const assets::Asset& file : files) {
    if (!file.name.starts_with(folder)) continue;
    const int64_t version = VersionIn(file.name.substr(folder.size()));
    if (version <= 0) throw std::logic_error("no version in " + std::string(file.name));
    scripts_.push_back({version, file.text});
  }
  if (scripts_.empty()) throw std::logic_error("no migrations in " + folder);
  std::ranges::sort(scripts_, {}, &Migration::version);
  for (size_t i = 1; i < scripts_.size(); ++i) {
    const int64_t before = scripts_[i - 1].version;
    if (scripts_[i].version != before + 1) {
      throw std::logic_error("after migration " + std::to_string(before) + " comes " +
                             std::to_string(scripts_[i].version) + " in " + folder);
    }
  }
}

std::span<const Migration> Migrations::After(int64_t version) const {
  const auto first = std::ranges::upper_bound(scripts_, version, {}, &Migration::version);
  return {first, scripts_.end()};
}

}  // namespace parley
