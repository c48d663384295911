#include "http/range.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

struct Row {
  std::string header;
  RangeKind kind;
  int64_t first = 0, size = 0;
};

class RangeTest : public testing::TestWithParam<Row> {};

// For a file of ten bytes.
TEST_P(RangeTest, IsParsedAsInRfc9110) {
  const RangeAnswer answer = FindRange(GetParam().header, 10);
  EXPECT_EQ(answer.kind, GetParam().kind) << GetParam().header;
  EXPECT_EQ(answer.range.first, GetParam().first);
  EXPECT_EQ(answer.range.size, GetParam().size);
}

constexpr auto kWhole = RangeKind::kWhole, kPart = RangeKind::kPart,
               kNone = RangeKind::kUnsatisfiable;

INSTANTIATE_TEST_SUITE_P(
    Headers, RangeTest,
    testing::Values(Row{"", kWhole}, Row{"bytes=0-0", kPart, 0, 1}, Row{"bytes=0-9", kPart, 0, 10},
                    Row{"bytes=3-5", kPart, 3, 3}, Row{"bytes=3-", kPart, 3, 7},
                    Row{"bytes=-3", kPart, 7, 3}, Row{"bytes=-30", kPart, 0, 10},
                    Row{"BYTES=3-5", kPart, 3, 3}, Row{"bytes=3-99999999999999999999", kPart, 3, 7},
                    Row{"bytes=-18446744073709551616", kPart, 0, 10}, Row{"bytes=10-", kNone},
                    Row{"bytes=10-12", kNone}, Row{"bytes=-0", kNone},
                    Row{"bytes=18446744073709551616-", kNone}, Row{"bytes=5-3", kWhole},
                    Row{"bytes=", kWhole}, Row{"bytes=-", kWhole}, Row{"bytes=a-b", kWhole},
                    Row{"bytes=1-2,4-5", kWhole}, Row{"bytes=0-,0-,0-", kWhole},
                    Row{"bytes=+1-2", kWhole}, Row{"bytes=1--2", kWhole}, Row{"items=0-1", kWhole},
                    Row{"bytes 0-1", kWhole}));

TEST(EntityTagTest, MatchesWeakAndStrongTagsAndTheWildcard) {
  EXPECT_TRUE(NamesTag({"\"a\"", "\"b\""}, "\"b\""));
  EXPECT_TRUE(NamesTag({"W/\"b\""}, "\"b\""));
  EXPECT_TRUE(NamesTag({"*"}, "\"b\""));
  EXPECT_FALSE(NamesTag({"b", "\"c\""}, "\"b\""));
  EXPECT_FALSE(NamesTag({}, "\"b\""));
}

}  // namespace
}  // namespace parley
