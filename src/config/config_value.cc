#include "config/config_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

namespace parley {
namespace {

using Parsed = tl::expected<OptionValue, std::string>;

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr std::array<Unit, 6> kDurationUnits = {{{"d", 86'400'000'000},
                                                 {"h", 3'600'000'000},
                                                 {"m", 60'000'000},
                                                 {"s", 1'000'000},
                                                 {"ms", 1'000},
                                                 {"us", 1}}};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"GiB", int64_t{1} << 30}, {"MiB", int64_t{1} << 20}, {"KiB", int64_t{1} << 10}, {"B", 1}}};

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// Removes the unit at the end of `text` and returns its factor; `bare` if there is none.
template <size_t N>
std::optional<int64_t> TakeUnit(std::string_view& text, const std::array<Unit, N>& units,
                                int64_t bare) {
  const size_t end = text.find_last_of("0123456789.") + 1;  // npos + 1 is 0
  const std::string_view name = text.substr(end);
  text = text.substr(0, end);
  if (name.empty()) return bare;
  for (const Unit& unit : units) {
    if (EqualIgnoringCase(unit.name, name)) return unit.factor;
  }
  return std::nullopt;
}

// Parses decimal digits, with or without a fraction, times the factor.
std::optional<int64_t> Scale(std::string_view digits, int64_t factor) {
  if (digits.empty() || digits.find_first_not_of("0123456789.") != std::string_view::npos) {
    return std::nullopt;
  }
  const char* const last = digits.data() + digits.size();
  int64_t whole = 0;
  const auto read_whole = std::from_chars(digits.data(), last, whole);
  if (read_whole.ec == std::errc() && read_whole.ptr == last) {
    int64_t scaled = 0;
    if (__builtin_mul_overflow(whole, factor, &scaled)) return std::nullopt;
    return scaled;
  }
  double fraction = 0;
  const auto read_fraction = std::from_chars(digits.data(), last, fraction);
  const double product = fraction * static_cast<double>(factor);
  if (read_fraction.ec != std::errc() || read_fraction.ptr != last || product > 9e18) {
    return std::nullopt;
  }
  return std::llround(product);
}

Parsed ParseSwitch(std::string_view text) {
  for (std::string_view on : {"on", "true", "1", "yes"}) {
    if (EqualIgnoringCase(on, text)) return OptionValue(true);
  }
  for (std::string_view off : {"off", "false", "0", "no"}) {
    if (EqualIgnoringCase(off, text)) return OptionValue(false);
  }
  return tl::unexpected<std::string>("is not on or off");
}

Parsed ParseChoice(std::string_view text, std::string_view choices) {
  const std::vector<std::string> names = SplitList(choices, '|');
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return EqualIgnoringCase(name, text);
  });
  if (found != names.end()) return OptionValue(int64_t{found - names.begin()});
  std::string wrong = "is not one of";
  for (const std::string& name : names) wrong += " " + name;
  return tl::unexpected(wrong);
}

Parsed ParseQuantity(OptionKind kind, std::string_view text, const OptionRange& range) {
  std::string_view digits = text;
  std::optional<int64_t> factor = 1;
  if (kind == OptionKind::kDuration) factor = TakeUnit(digits, kDurationUnits, 1'000'000);
  if (kind == OptionKind::kSize) factor = TakeUnit(digits, kSizeUnits, 1);
  const bool fraction = digits.find('.') != std::string_view::npos;
  std::optional<int64_t> number;
  if (factor && (!fraction || kind != OptionKind::kNumber)) number = Scale(digits, *factor);
  if (!number) return tl::unexpected("is not " + std::string(Describe(kind)));

  const auto show = [&](int64_t bound) {
    if (kind == OptionKind::kDuration) return FormatOptionValue(kind, Duration(bound), {});
    return FormatOptionValue(kind, bound, {});
  };
  if (*number < range.min) return tl::unexpected("is less than " + show(range.min));
  if (*number > range.max) return tl::unexpected("is more than " + show(range.max));
  if (kind == OptionKind::kDuration) return OptionValue(Duration(*number));
  return OptionValue(*number);
}

// Returns the largest unit without a remainder. Minutes are not used: `60s` is clearer than `1m`
// beside `25s`, and m is easily mistaken for milli.
template <size_t N>
std::string WithUnit(int64_t number, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (number == 0 || number % unit.factor != 0 || unit.name == "m") continue;
    return std::to_string(number / unit.factor) + std::string(unit.name == "B" ? "" : unit.name);
  }
  return "0";
}

}  // namespace

std::string_view Describe(OptionKind kind) {
  switch (kind) {
    case OptionKind::kText:
      return "text";
    case OptionKind::kPath:
      return "a path";
    case OptionKind::kChoice:
      return "a name";
    case OptionKind::kSwitch:
      return "on or off";
    case OptionKind::kNumber:
      return "a whole number";
    case OptionKind::kSize:
      return "a size in bytes (4096, 256KiB, 1MiB)";
    case OptionKind::kDuration:
      return "a duration (5, 5s, 500ms, 1h)";
    case OptionKind::kList:
      return "a list (a,b)";
  }
  return {};
}

tl::expected<OptionValue, std::string> ParseOptionValue(OptionKind kind, std::string_view text,
                                                        const OptionRange& range,
                                                        std::string_view choices) {
  switch (kind) {
    case OptionKind::kText:
    case OptionKind::kPath:
      if (text.find('\0') != std::string_view::npos) {
        return tl::unexpected<std::string>("contains a NUL character");
      }
      return OptionValue(std::string(text));
    case OptionKind::kList:
      return OptionValue(SplitList(text, ','));
    case OptionKind::kSwitch:
      return ParseSwitch(text);
    case OptionKind::kChoice:
      return ParseChoice(text, choices);
    case OptionKind::kNumber:
    case OptionKind::kSize:
    case OptionKind::kDuration:
      return ParseQuantity(kind, text, range);
  }
  return tl::unexpected<std::string>("has an unknown type");
}

std::string FormatOptionValue(OptionKind kind, const OptionValue& value, std::string_view choices) {
  if (const auto* on = std::get_if<bool>(&value)) return *on ? "on" : "off";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* span = std::get_if<Duration>(&value)) {
    const std::string shown = WithUnit(span->count(), kDurationUnits);
    return shown == "0" ? "0s" : shown;
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (kind == OptionKind::kChoice) {
      return SplitList(choices, '|').at(static_cast<size_t>(*number));
    }
    return kind == OptionKind::kSize ? WithUnit(*number, kSizeUnits) : std::to_string(*number);
  }
  std::string joined;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *list) joined += (joined.empty() ? "" : ",") + item;
  }
  return joined;
}

std::vector<std::string> SplitList(std::string_view text, char separator) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = item.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) continue;
    items.emplace_back(item.substr(first, item.find_last_not_of(" \t\r\n") - first + 1));
  }
  return items;
}

std::string Nearest(std::string_view text, const std::vector<std::string>& candidates) {
  size_t best = std::max<size_t>(1, text.size() / 4) + 1;  // a larger distance is not a typo
  std::string nearest;
  std::vector<size_t> row;
  for (const std::string& candidate : candidates) {
    row.resize(candidate.size() + 1);  // Levenshtein distance, one row of the matrix at a time
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= text.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t replaced = diagonal + (text[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < best) {
      best = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace parley
