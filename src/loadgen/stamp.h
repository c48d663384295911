// The stamp in the content of each message: who sent it, its number, and when it was due. A receiver
// finds it in the frame of any server that passes the content on unchanged.
#pragma once
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/dialect.h"

namespace parley::loadgen {

// Times are in nanoseconds.
inline constexpr int64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000;
inline int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

// Nanoseconds of the monotonic clock, the same for all processes of this machine.
inline int64_t Now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return kSecond * now.tv_sec + now.tv_nsec;
}

inline constexpr std::string_view kStampMark = "@t";  // then DUE.SENDER.NUMBER. in decimal

// "@tDUE.SENDER.NUMBER." and padding up to `bytes`.
inline std::string StampedContent(int64_t due, size_t sender, uint64_t number, size_t bytes) {
  std::string content(kStampMark);
  content +=
      std::to_string(due) + '.' + std::to_string(sender) + '.' + std::to_string(number) + '.';
  if (content.size() < bytes) content.resize(bytes, '.');
  return content;
}

// Reads the first stamp of a frame; nullopt if there is none.
inline std::optional<Delivery> ReadStamp(std::string_view frame) {
  const size_t at = frame.find(kStampMark);
  if (at == std::string_view::npos) return std::nullopt;
  Delivery out;
  const char *next = frame.data() + at + kStampMark.size(), *const end =
                                                                frame.data() + frame.size();
  const auto read = [&](auto& number) {
    const auto [rest, error] = std::from_chars(next, end, number);
    if (error != std::errc() || rest == end || *rest != '.') return false;
    next = rest + 1;
    return true;
  };
  if (!read(out.due) || !read(out.sender) || !read(out.number)) return std::nullopt;
  return out;
}

}  // namespace parley::loadgen
