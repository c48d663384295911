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

TEST(TextTest, UuidsAreFoundAnywhereInAText) {
  const std::string one = "0190b6a0-7b1e-7f00-8000-00000000000a",
                    two = "0190B6A0-7B1E-7F00-8000-00000000000B";
  const auto found =
      UuidsIn("{\"a\":[\"/x/" + one + "/content/?e=1-2\"],\"b\":\"-" + two + "\"}" + one, 10);
  EXPECT_EQ(found, (std::vector{*Uuid::Parse(one), *Uuid::Parse(two)}));
  EXPECT_EQ(UuidsIn(one + two, 1).size(), 1u);
  const std::string plain = "0190b6a07b1e7f00800000000000000C";
  for (size_t before = 0; before < 40; ++before) {
    const std::string text = std::string(before, '/') + plain + "?";
    EXPECT_EQ(UuidsIn(text, 10), std::vector(1, *Uuid::Parse(plain))) << text;
    EXPECT_TRUE(UuidsIn(std::string(before, '/') + plain + "0", 10).empty()) << "33 digits";
    EXPECT_TRUE(UuidsIn(std::string(before, '/') + plain.substr(1), 10).empty()) << "31 digits";
  }
  EXPECT_TRUE(UuidsIn(std::string(1000, 'a'), 10).empty());
  for (const std::string& none :
       {std::string(), std::string("-"), one.substr(1), one.substr(0, 35), std::string(50, '-')}) {
    EXPECT_TRUE(UuidsIn(none, 10).empty()) << none;
  }
}

}  // namespace
}  // namespace parley
