#include "base/controls.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(ControlAtTest, FindsControlAndBidiCharacters) {
  EXPECT_EQ(ControlAt("\x1b[31m").code, 0x1Bu);
  EXPECT_EQ(ControlAt("\x7f").size, 1u);
  EXPECT_EQ(ControlAt("\u009b31m").code, 0x9Bu);
  EXPECT_EQ(ControlAt("\u2028").code, 0x2028u);
  EXPECT_EQ(ControlAt("\u202E").size, 3u);
  EXPECT_EQ(ControlAt("\u2069").code, 0x2069u);
}

TEST(ControlAtTest, AcceptsOtherCharacters) {
  for (const char* text : {"", "a", " ", "\u00a0", "\u00e4", "\u2013", "\u2065", "\u206a", "\u20ac",
                           "\xc2", "\xe2", "\xe2\x80"}) {
    EXPECT_EQ(ControlAt(text).size, 0u) << text;
  }
}

}  // namespace
}  // namespace parley
