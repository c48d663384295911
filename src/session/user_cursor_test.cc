#include "session/user_cursor.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(UserCursorTest, ACursorIsParsedAsItWasWritten) {
  for (const UserCursor cursor : {UserCursor{0, 0}, UserCursor{1'795'494'120'414'641, 0},
                                  UserCursor{7, 0xffff'ffff'ffff'ffff}, UserCursor{INT64_MAX, 1}}) {
    const auto read = ParseUserCursor(TextOf(cursor));
    ASSERT_TRUE(read) << TextOf(cursor);
    EXPECT_EQ(read->position, cursor.position);
    EXPECT_EQ(read->epoch, cursor.epoch);
  }
}

TEST(UserCursorTest, ACursorOfAnOlderVersionMatchesAnyEpoch) {
  EXPECT_TRUE(ParseUserCursor("123")->IsOf(5));
  EXPECT_TRUE(ParseUserCursor("a.123")->IsOf(10));
  EXPECT_FALSE(ParseUserCursor("a.123")->IsOf(11));
  EXPECT_FALSE(ParseUserCursor("a.123")->IsOf(0));
}

TEST(UserCursorTest, MalformedCursorsAreRefused) {
  for (const char* text : {"", ".", "1.", ".1", "0.1", "-1", "a.-1", "x.1", "1.2.3", "1x", " 1",
                           "+1", "99999999999999999999", "11112222333344445.1"}) {
    EXPECT_FALSE(ParseUserCursor(text)) << text;
  }
}

}  // namespace
}  // namespace parley
