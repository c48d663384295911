#include "base/log_limit.h"

namespace parley::log {
namespace {

std::string KeyOf(const Line& line) {
  std::string key = line.message;
  for (const Field& field : line.fields) {
    key.append("\n").append(field.name).append("=").append(field.value);
  }
  return key;
}

}  // namespace

Limit::Verdict Limit::Take(const Line& line, int level, bool severe, Monotonic now) {
  std::string key;
  if (severe) {
    key = KeyOf(line);
    if (const auto found = known_.find(key);
        found != known_.end() && now - found->second.since < kRepeatWindow) {
      ++found->second.repeats;
      return Verdict::kRepeated;
    }
  }
  Second& second = seconds_[severe ? 0 : 1];
  if (now - second.since >= std::chrono::seconds(1)) second = {.since = now};
  if (lines_per_second_ > 0 && second.lines >= static_cast<uint64_t>(lines_per_second_))
    return Verdict::kOver;
  ++second.lines;
  // An entry with repeats stays until they are reported.
  if (severe && known_.size() < kMostKnown)
    known_.try_emplace(std::move(key), Known{line, now, level});
  return Verdict::kWrite;
}

std::vector<Limit::Repeats> Limit::TakeRepeats(Monotonic now, bool all) {
  std::vector<Repeats> out;
  for (auto at = known_.begin(); at != known_.end();) {
    if (!all && now - at->second.since < kRepeatWindow) {
      ++at;
      continue;
    }
    if (at->second.repeats > 0)
      out.push_back({std::move(at->second.line), at->second.level, at->second.repeats});
    at = known_.erase(at);
  }
  return out;
}

}  // namespace parley::log
