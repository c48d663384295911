#include "config/config_value.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

tl::expected<OptionValue, std::string> Parse(OptionKind kind, std::string_view text) {
  return ParseOptionValue(kind, text, {}, "one|two");
}

TEST(ConfigValue, DurationsAreSecondsOrHaveAUnit) {
  const auto is = [](std::string_view text, Duration expected) {
    EXPECT_EQ(Parse(OptionKind::kDuration, text), OptionValue(expected)) << text;
  };
  is("5", seconds(5));
  is("5s", seconds(5));
  is("500ms", milliseconds(500));
  is("1h", hours(1));
  is("2m", seconds(120));
  is("1d", hours(24));
  is("0.5", milliseconds(500));
  is("20.0", seconds(20));
  is("1.5H", seconds(5400));
  is("0", seconds(0));
}

TEST(ConfigValue, SizesAreBytesOrHaveAUnit) {
  EXPECT_EQ(Parse(OptionKind::kSize, "262144"), OptionValue(int64_t{262144}));
  EXPECT_EQ(Parse(OptionKind::kSize, "256KiB"), OptionValue(int64_t{262144}));
  EXPECT_EQ(Parse(OptionKind::kSize, "1.5MiB"), OptionValue(int64_t{1572864}));
  EXPECT_EQ(Parse(OptionKind::kSize, "12B"), OptionValue(int64_t{12}));
}

TEST(ConfigValue, SwitchesAcceptEveryCommonWord) {
  for (std::string_view on : {"on", "true", "1", "yes", "True", "ON"}) {
    EXPECT_EQ(Parse(OptionKind::kSwitch, on), OptionValue(true)) << on;
  }
  for (std::string_view off : {"off", "false", "0", "no", "False"}) {
    EXPECT_EQ(Parse(OptionKind::kSwitch, off), OptionValue(false)) << off;
  }
}

TEST(ConfigValue, InvalidNumbersAreRejected) {
  for (std::string_view text :
       {"", "s", "5 s", "-5", "+5", "5x", "1e3", "0x10", "1.2.3", ".", "nan", "inf", "5ss",
        "9223372036854775807s", "99999999999999999999"}) {
    EXPECT_FALSE(Parse(OptionKind::kDuration, text)) << text;
    EXPECT_FALSE(Parse(OptionKind::kSize, text)) << text;
    EXPECT_FALSE(Parse(OptionKind::kNumber, text)) << text;
  }
  EXPECT_FALSE(Parse(OptionKind::kNumber, "1.5"));
  EXPECT_FALSE(Parse(OptionKind::kNumber, "1KiB"));
  EXPECT_FALSE(Parse(OptionKind::kSwitch, "maybe"));
  EXPECT_FALSE(Parse(OptionKind::kChoice, "three"));
  EXPECT_FALSE(Parse(OptionKind::kText, std::string_view("a\0b", 3)));
}

TEST(ConfigValue, AFormattedValueIsParsedUnchanged) {
  for (int64_t micros : {0, 1, 1'500, 20'000'000, 60'000'000, 90'500'000}) {
    const OptionValue value = Duration(micros);
    EXPECT_EQ(Parse(OptionKind::kDuration, FormatOptionValue(OptionKind::kDuration, value, {})),
              value);
  }
  EXPECT_EQ(FormatOptionValue(OptionKind::kDuration, Duration(seconds(25)), {}), "25s");
  EXPECT_EQ(FormatOptionValue(OptionKind::kSize, OptionValue(int64_t{262144}), {}), "256KiB");
  EXPECT_EQ(FormatOptionValue(OptionKind::kSize, OptionValue(int64_t{1000}), {}), "1000");
  EXPECT_EQ(FormatOptionValue(OptionKind::kChoice, OptionValue(int64_t{1}), "one|two"), "two");
}

TEST(ConfigValue, WhiteSpaceAndEmptyItemsOfListsAreDropped) {
  EXPECT_EQ(SplitList(" a, b ,,c,", ','), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(SplitList(" , ", ',').empty());
}

TEST(ConfigValue, OnlyASmallMisspellingHasASuggestion) {
  const std::vector<std::string> names = {"port", "host", "websocket.ping_interval"};
  EXPECT_EQ(Nearest("prot", names), "");  // two of four letters differ: not a typo
  EXPECT_EQ(Nearest("prt", names), "port");
  EXPECT_EQ(Nearest("websocket.ping_intervall", names), "websocket.ping_interval");
  EXPECT_EQ(Nearest("colour", names), "");
}

}  // namespace
}  // namespace parley
