#include "domain/text.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

TEST(TrimTest, WhiteSpaceIsRemovedAtBothEndsOnly) {
  EXPECT_EQ(Trim("  two  words \r\n\t"), "two  words");
  EXPECT_EQ(Trim("none"), "none");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim(" \t\n\v\f\r "), "");
}

TEST(TrimTest, AllUnicodeWhiteSpaceIsRemoved) {
  for (const char* space : {"\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
                            "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200A",
                            "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
    EXPECT_EQ(Trim(std::string(space) + "x" + space), "x");
    EXPECT_EQ(Trim(std::string(space) + " " + space), "");
  }
}

TEST(TrimTest, InvisibleCharactersAreKept) {
  // Zero-width space and joiner, byte order mark, Braille blank: no White_Space property.
  for (const char* text : {"\u200B", "\u200D", "\uFEFF", "\u2800", "\u180E"}) {
    EXPECT_EQ(Trim(text), text);
  }
  EXPECT_EQ(Trim(std::string_view(" \0 ", 3)), std::string_view("\0", 1));
}

TEST(TrimTest, LettersThatShareBytesWithSpacesAreKept) {
  EXPECT_EQ(Trim("\u0105"), "\u0105");    // ends in 0x85
  EXPECT_EQ(Trim("\u00E0"), "\u00E0");    // ends in 0xA0
  EXPECT_EQ(Trim(" \u4E80 "), "\u4E80");  // ends in 0xBA 0x80
  EXPECT_EQ(Trim("\u00C5\u0085"), "\u00C5");
}

TEST(ContentTypeTest, IsLowerCaseWithALimitedAlphabet) {
  EXPECT_EQ(FoldContentType("text"), "text");
  EXPECT_EQ(FoldContentType("SyStem"), "system")
      << "upper case does not bypass the restriction of system messages";
  EXPECT_EQ(FoldContentType("Image/SVG+xml"), "image/svg+xml");
  EXPECT_EQ(FoldContentType("a_b.c-9"), "a_b.c-9");
  for (const char* bad : {"", " text", "text\n", "a;b", "a b", "<b>", "\xC3\xA4", "a\"b"}) {
    EXPECT_FALSE(FoldContentType(bad)) << bad;
  }
}

TEST(IdsInTest, FindsIdsInPathsQuotesAndLists) {
  const Uuid one = *Uuid::Parse("0190b8a4-0000-7000-8000-000000000001");
  const Uuid two = *Uuid::Parse("0190b8a4-0000-7000-8000-000000000002");
  const std::string text = "/a/" + one.ToString() + R"(/content/?x=1 {"f":[")" + two.ToString() +
                           "\",\"" + one.ToString() + "\"]}";
  EXPECT_EQ(IdsIn(text), (std::vector<Uuid>{one, two}));
  EXPECT_EQ(IdsIn(text, 1), std::vector<Uuid>{one});
}

TEST(IdsInTest, IgnoresLongerWordsAndOtherText) {
  const std::string id = "0190b8a4-0000-7000-8000-000000000001";
  EXPECT_TRUE(IdsIn("x" + id).empty());
  EXPECT_TRUE(IdsIn(id + "-").empty());
  EXPECT_TRUE(IdsIn("0190b8a4000070008000000000000001").empty());
  EXPECT_TRUE(IdsIn("").empty());
  EXPECT_TRUE(IdsIn(std::string(100'000, '-')).empty());
}

}  // namespace
}  // namespace parley
