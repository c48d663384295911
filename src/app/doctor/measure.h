// Latencies of repeated calls.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace parley::doctor {

// Calls `call` up to `times` times, and not again after `within`. Returns the median in milliseconds.
template <class Call>
double MedianMillis(int times, std::chrono::milliseconds within, Call&& call) {
  using SteadyClock = std::chrono::steady_clock;
  const auto end = SteadyClock::now() + within;
  std::vector<double> taken;
  while (static_cast<int>(taken.size()) < times && (taken.empty() || SteadyClock::now() < end)) {
    const auto since = SteadyClock::now();
    call();
    taken.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - since).count());
  }
  const auto middle = taken.begin() + static_cast<std::ptrdiff_t>(taken.size() / 2);
  std::ranges::nth_element(taken, middle);
  return *middle;
}

inline std::string MillisText(double millis) { return fmt::format("{:.2f} ms", millis); }

}  // namespace parley::doctor
