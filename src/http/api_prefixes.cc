#include "http/api_prefixes.h"

#include <algorithm>

#include "http/router.h"

namespace parley {
namespace {

bool BeginsWith(const std::vector<std::string>& segments, const std::vector<std::string>& begin) {
  return segments.size() >= begin.size() &&
         std::equal(begin.begin(), begin.end(), segments.begin());
}

}  // namespace

ApiPrefixes::ApiPrefixes(const std::vector<std::string>& prefixes)
    : canonical_(SplitPath(kApiPrefix)) {
  for (const std::string& prefix : prefixes) prefixes_.push_back({prefix, SplitPath(prefix)});
}

const std::string* ApiPrefixes::Normalize(std::vector<std::string>& segments) const {
  const Prefix* found = nullptr;
  for (const Prefix& prefix : prefixes_) {
    if (!BeginsWith(segments, prefix.segments)) continue;
    // A prefix can begin with another one: the longest match applies.
    if (found == nullptr || prefix.segments.size() > found->segments.size()) found = &prefix;
  }
  if (found == nullptr) return BeginsWith(segments, canonical_) ? nullptr : &none_;
  if (found->segments == canonical_) return &found->text;
  segments.erase(segments.begin(),
                 segments.begin() + static_cast<std::ptrdiff_t>(found->segments.size()));
  segments.insert(segments.begin(), canonical_.begin(), canonical_.end());
  return &found->text;
}

}  // namespace parley
