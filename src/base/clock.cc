#include "base/clock.h"

#include <cstdio>

namespace parley {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int64_t kMicrosPerDay = 86'400'000'000;

// Writes the last kWidth digits of a number and the character after them.
template <int kWidth>
char* WriteDigits(char* at, uint32_t value, char after) {
  for (int i = kWidth - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  at[kWidth] = after;
  return at + kWidth + 1;
}

// Reads exactly `width` digits at `pos`; returns -1 if they are not there.
int ReadDigits(std::string_view text, size_t pos, size_t width) {
  if (pos + width > text.size()) return -1;
  int value = 0;
  for (size_t i = pos; i < pos + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

char* WriteTimestamp(char* at, Timestamp t) {
  int64_t days = t.micros / kMicrosPerDay;
  int64_t rest = t.micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  const year_month_day date{sys_days{std::chrono::days{days}}};
  const auto seconds = static_cast<uint32_t>(rest / kMicrosPerSecond);
  const auto micros = static_cast<uint32_t>(rest % kMicrosPerSecond);
  at = WriteDigits<4>(at, static_cast<uint32_t>(int{date.year()}), '-');
  at = WriteDigits<2>(at, unsigned{date.month()}, '-');
  at = WriteDigits<2>(at, unsigned{date.day()}, 'T');
  at = WriteDigits<2>(at, seconds / 3600, ':');
  at = WriteDigits<2>(at, seconds / 60 % 60, ':');
  at = WriteDigits<2>(at, seconds % 60, '.');
  return WriteDigits<6>(at, micros, 'Z');
}

void AppendTimestamp(std::string& out, Timestamp t) {
  char text[kTimestampCharacters];
  WriteTimestamp(text, t);
  out.append(text, sizeof text);
}

std::string FormatTimestamp(Timestamp t) {
  std::string out;
  out.reserve(27);
  AppendTimestamp(out, t);
  return out;
}

std::optional<Timestamp> ParseTimestamp(std::string_view s) {
  if (s.size() < 20 || s[4] != '-' || s[7] != '-' ||
      (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || s[13] != ':' || s[16] != ':') {
    return std::nullopt;
  }
  const int year = ReadDigits(s, 0, 4), month = ReadDigits(s, 5, 2), day = ReadDigits(s, 8, 2);
  const int hour = ReadDigits(s, 11, 2), minute = ReadDigits(s, 14, 2),
            second = ReadDigits(s, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return std::nullopt;
  }
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month{static_cast<unsigned>(month)},
                            std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;

  size_t pos = 19;
  int64_t fraction = 0;
  if (s[pos] == '.') {
    size_t digits = 0;
    for (++pos; pos < s.size() && s[pos] >= '0' && s[pos] <= '9'; ++pos, ++digits) {
      if (digits < 6) fraction = fraction * 10 + (s[pos] - '0');
    }
    if (digits == 0 || digits > 9) return std::nullopt;
    for (; digits < 6; ++digits) fraction *= 10;
  }
  int64_t offset_minutes = 0;
  if (pos + 1 == s.size() && (s[pos] == 'Z' || s[pos] == 'z')) {
    offset_minutes = 0;
  } else if (pos + 6 == s.size() && (s[pos] == '+' || s[pos] == '-') && s[pos + 3] == ':') {
    const int hours = ReadDigits(s, pos + 1, 2), minutes = ReadDigits(s, pos + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
    offset_minutes = (s[pos] == '-' ? -1 : 1) * (hours * 60 + minutes);
  } else {
    return std::nullopt;
  }
  const int64_t days = sys_days{date}.time_since_epoch().count();
  const int64_t seconds = days * 86'400 + hour * 3'600 + (minute - offset_minutes) * 60 + second;
  return Timestamp{seconds * kMicrosPerSecond + fraction};
}

Timestamp SystemClock::Now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<Duration>(since_epoch).count()};
}

Monotonic SystemClock::Steady() const { return std::chrono::steady_clock::now(); }

}  // namespace parley
