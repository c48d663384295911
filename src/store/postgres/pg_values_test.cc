#include "store/postgres/pg_values.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

constexpr Oid kInt8 = 20, kInt4 = 23, kText = 25, kUuid = 2950, kInt8Array = 1016;

TEST(PgValuesTest, UserIdsBecomeValuesOfTheirColumnAndBack) {
  for (const auto& [type, id] : {std::pair{kInt8, "9223372036854775807"},
                                 {kInt8, "-1"},
                                 {kInt4, "7"},
                                 {kText, "auth0|5f7c"},
                                 {kUuid, "0190b6a0-7b1e-7f00-8000-00000000000a"}}) {
    const auto bytes = PgText(type, id);
    ASSERT_TRUE(bytes) << id;
    EXPECT_EQ(TextFromPg(type, *bytes), id);
  }
}

TEST(PgValuesTest, AnIdThatIsNotInTheFormOfItsColumnDoesNotFit) {
  for (const char* id : {"", "007", "+7", " 7", "7 ", "7.0", "ann", "9223372036854775808"}) {
    EXPECT_FALSE(PgText(kInt8, id)) << id;
  }
  EXPECT_FALSE(PgText(kInt4, "2147483648"));
  for (const char* id :
       {"", "7", "0190b6a07b1e7f00800000000000000a", "0190B6A0-7B1E-7F00-8000-00000000000A"}) {
    EXPECT_FALSE(PgText(kUuid, id)) << id;
  }
}

TEST(PgValuesTest, AnArrayHasItsElementsInOrderAndSaysWhetherOneIsNull) {
  EXPECT_EQ(PgElementType(kInt8Array), kInt8);
  EXPECT_EQ(PgElementType(kInt8), 0u);
  using namespace std::string_literals;
  std::string array;
  PgAppend(array, kInt8, PgNumber(kInt8, 7));
  const auto one = "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\x08\0\0\0\0\0\0\0\7"s;
  EXPECT_EQ(array, one);
  PgAppend(array, kInt8, std::nullopt);
  auto two = one + "\xff\xff\xff\xff"s;
  two[7] = 1;   // it has NULL
  two[15] = 2;  // elements
  EXPECT_EQ(array, two);
}

}  // namespace
}  // namespace parley
