#include "base/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace parley {
namespace {

// The definition: decode the code point, then check it.
bool IsUtf8ByDefinition(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<uint8_t>(text[at]);
    const size_t length = lead < 0x80           ? 1
                          : (lead >> 5) == 0x06 ? 2
                          : (lead >> 4) == 0x0E ? 3
                          : (lead >> 3) == 0x1E ? 4
                                                : 0;
    if (length == 0 || at + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<uint8_t>(text[at + i]);
      if ((byte & 0xC0) != 0x80) return false;
      point = point << 6 | (byte & 0x3F);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10FFFF) return false;
    if (point >= 0xD800 && point <= 0xDFFF) return false;
    at += length;
  }
  return true;
}

std::string Encode(uint32_t point) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
  if (point < 0x10000) {
    return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)),
            byte(0x80 | (point & 0x3F))};
  }
  return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)),
          byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
}

bool ValidInPieces(std::string_view text, size_t piece) {
  Utf8Validator validator;
  for (size_t at = 0; at < text.size(); at += piece) {
    if (!validator.Feed(text.substr(at, piece))) return false;
  }
  return validator.Complete();
}

struct Case {
  std::string_view text;
  bool valid;
  const char* what;
};

const std::vector<Case> kCases = {
    {"", true, "nothing"},
    {"plain text", true, "ASCII"},
    {std::string_view("a\0b", 3), true, "U+0000 inside"},
    {"\x7F", true, "U+007F"},
    {"\xC2\x80", true, "U+0080, first of two bytes"},
    {"\xDF\xBF", true, "U+07FF, last of two bytes"},
    {"\xE0\xA0\x80", true, "U+0800, first of three bytes"},
    {"\xED\x9F\xBF", true, "U+D7FF, before the surrogates"},
    {"\xEE\x80\x80", true, "U+E000, after the surrogates"},
    {"\xEF\xBF\xBD", true, "U+FFFD"},
    {"\xEF\xBF\xBF", true, "U+FFFF, last of three bytes"},
    {"\xF0\x90\x80\x80", true, "U+10000, first of four bytes"},
    {"\xF4\x8F\xBF\xBF", true, "U+10FFFF, the last"},
    {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", true, "a Greek word"},
    {"\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", true, "an emoji with its skin tone"},
    {"\x80", false, "a continuation byte alone, the first"},
    {"\xBF", false, "a continuation byte alone, the last"},
    {"\x80\x80\x80\x80\x80", false, "continuation bytes only"},
    {"a\xBFz", false, "a continuation byte between letters"},
    {"\xC3", false, "two bytes, the second missing"},
    {"\xC3 ", false, "two bytes, a space for the second"},
    {"\xE2\x82", false, "three bytes, the third missing"},
    {"\xE2", false, "three bytes, two missing"},
    {"\xE2\x82x", false, "three bytes, a letter for the third"},
    {"\xF0\x9F\x98", false, "four bytes, the fourth missing"},
    {"\xF0\x9F\x98\xC0", false, "four bytes, a lead byte for the fourth"},
    {"\xC0\x80", false, "overlong U+0000 in two bytes"},
    {"\xC0\xAF", false, "overlong slash in two bytes"},
    {"\xC1\xBF", false, "overlong U+007F"},
    {"\xE0\x80\xAF", false, "overlong slash in three bytes"},
    {"\xE0\x9F\xBF", false, "overlong U+07FF"},
    {"\xF0\x80\x80\xAF", false, "overlong slash in four bytes"},
    {"\xF0\x8F\xBF\xBF", false, "overlong U+FFFF"},
    {"\xED\xA0\x80", false, "U+D800, the first surrogate"},
    {"\xED\xAF\xBF", false, "U+DBFF"},
    {"\xED\xB0\x80", false, "U+DC00"},
    {"\xED\xBF\xBF", false, "U+DFFF, the last surrogate"},
    {"\xED\xA0\xBD\xED\xB8\x80", false, "a pair of surrogates (CESU-8)"},
    {"\xF4\x90\x80\x80", false, "U+110000, one too far"},
    {"\xF5\x80\x80\x80", false, "a lead byte beyond all code points"},
    {"\xF8\x88\x80\x80\x80", false, "five bytes"},
    {"\xFC\x84\x80\x80\x80\x80", false, "six bytes"},
    {"\xFE", false, "FE"},
    {"\xFF", false, "FF"},
    {"\xFE\xFE\xFF\xFF", false, "FE FE FF FF"},
};

TEST(Utf8, ValidAndInvalidTextIsDetectedAtEveryPosition) {
  // Before and after ASCII of every length up to two blocks of the fast path.
  for (const Case& c : kCases) {
    for (size_t padding = 0; padding <= 66; ++padding) {
      const std::string spaces(padding, '.');
      const std::string text(c.text);
      EXPECT_EQ(IsUtf8(spaces + text), c.valid) << c.what << " after " << padding;
      EXPECT_EQ(IsUtf8(text + spaces), c.valid) << c.what << " before " << padding;
    }
  }
}

TEST(Utf8, PiecesGiveTheSameResultAsTheWhole) {
  for (const Case& c : kCases) {
    for (size_t piece = 1; piece <= 5; ++piece) {
      EXPECT_EQ(ValidInPieces(c.text, piece), c.valid) << c.what << " in pieces of " << piece;
      const std::string longer = "caf\xC3\xA9 " + std::string(c.text);
      EXPECT_EQ(ValidInPieces(longer, piece), c.valid) << c.what << " in pieces of " << piece;
    }
  }
}

// Proves: RFC 6455
TEST(Utf8, EveryCodePointAndNothingElseIsAccepted) {
  for (uint32_t point = 0; point <= 0x11FFFF; ++point) {
    const bool exists = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    const std::string text = Encode(point);
    Utf8Validator validator;
    ASSERT_EQ(IsUtf8(text), exists) << std::hex << point;
    ASSERT_EQ(validator.Feed(text) && validator.Complete(), exists) << std::hex << point;
    if (exists) {
      ASSERT_EQ(CountCodePoints(text), 1u) << std::hex << point;
    }
  }
}

TEST(Utf8, TheFirstInvalidByteIsRejectedAtOnce) {
  const auto refused_at = [](std::string_view text) {
    Utf8Validator validator;
    for (size_t i = 0; i < text.size(); ++i) {
      if (!validator.Feed(text.substr(i, 1))) return i;
    }
    return text.size();
  };
  EXPECT_EQ(refused_at("ab\xFF"), 2u);
  EXPECT_EQ(refused_at("\xC0\xAF"), 0u);
  EXPECT_EQ(refused_at("\xE0\x80\x80"), 1u);
  EXPECT_EQ(refused_at("\xED\xA0\x80"), 1u);
  EXPECT_EQ(refused_at("\xF4\x90\x80\x80"), 1u);
  EXPECT_EQ(refused_at("\xF0\x9F\x98z"), 3u);
}

TEST(Utf8, AFailureLastsUntilReset) {
  Utf8Validator validator;
  EXPECT_FALSE(validator.Feed("\xFF"));
  EXPECT_FALSE(validator.Feed("good"));
  EXPECT_FALSE(validator.Complete());
  validator.Reset();
  EXPECT_TRUE(validator.Feed("good"));
  EXPECT_TRUE(validator.Complete());
}

TEST(Utf8, APartialCodePointIsValidButNotComplete) {
  Utf8Validator validator;
  EXPECT_TRUE(validator.Feed("\xE2\x82"));
  EXPECT_FALSE(validator.Complete());
  EXPECT_TRUE(validator.Feed(""));
  EXPECT_TRUE(validator.Feed("\xAC"));
  EXPECT_TRUE(validator.Complete());
}

TEST(Utf8, RandomTextsMatchTheDefinitionWholeAndInPieces) {
  std::mt19937 random(20261123);
  // Mostly lead and continuation bytes from the edges of the ranges; random bytes would rarely be valid.
  constexpr std::string_view kBytes =
      "aZ\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xED\xEF\xF0\xF3\xF4\xF5\xFF";
  int valid = 0;
  for (int round = 0; round < 40'000; ++round) {
    std::string text(random() % 3 == 0 ? random() % 40 : 0, 'x');
    const size_t pieces = random() % 8;
    for (size_t i = 0; i < pieces; ++i) {
      if (random() % 4 != 0) {
        auto point = static_cast<uint32_t>(random() % 0x110000);
        if (point >= 0xD800 && point <= 0xDFFF) point = 0xFFFD;
        text += Encode(point >> (random() % 21));
      } else {
        text += kBytes[random() % kBytes.size()];
      }
    }
    if (IsUtf8ByDefinition(text)) ++valid;
    ASSERT_EQ(IsUtf8(text), IsUtf8ByDefinition(text)) << testing::PrintToString(text);
    ASSERT_EQ(ValidInPieces(text, 1 + random() % 9), IsUtf8ByDefinition(text))
        << testing::PrintToString(text);
  }
  EXPECT_GT(valid, 4'000);
  EXPECT_LT(valid, 36'000);
}

TEST(Utf8, CodePointsAreCountedNotBytes) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("hello"), 5u);
  EXPECT_EQ(CountCodePoints("h\xC3\xA9llo, w\xC3\xB6rld!"), 13u);
  std::string text;
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(CountCodePoints(text), 2 * i);
    text += "\xF0\x9F\x98\x80\xE2\x82\xAC";
  }
}

TEST(Utf8, CuttingNeverSplitsACodePoint) {
  EXPECT_EQ(CutUtf8("short", 10), "short");
  EXPECT_EQ(CutUtf8("exact", 5), "exact");
  EXPECT_EQ(CutUtf8("abc\xE2\x82\xAC", 6), "abc\xE2\x82\xAC");
  EXPECT_EQ(CutUtf8("abc\xE2\x82\xAC", 5), "abc");
  EXPECT_EQ(CutUtf8("abc\xE2\x82\xAC", 4), "abc");
  EXPECT_EQ(CutUtf8("abc\xE2\x82\xAC", 3), "abc");
  EXPECT_EQ(CutUtf8("\xF0\x9F\x98\x80", 3), "");
}

TEST(RepairUtf8Test, InvalidBytesAreReplaced) {
  EXPECT_EQ(RepairUtf8(""), "");
  EXPECT_EQ(RepairUtf8("a\u00e4\u20ac\U0001F600z"), "a\u00e4\u20ac\U0001F600z");
  EXPECT_EQ(RepairUtf8("\xff\xfe"), "\ufffd\ufffd");
  EXPECT_EQ(RepairUtf8("a\xe2\x82"), "a\ufffd\ufffd");
  EXPECT_EQ(RepairUtf8("\xc0\xafz"), "\ufffd\ufffdz");
  for (int lead = 0; lead < 256; ++lead) {
    for (const std::string_view rest : {"", "x", "\x80", "\x80\x80\x80", "\xbf\xbfx"}) {
      std::string text(1, static_cast<char>(lead));
      text += rest;
      EXPECT_TRUE(IsUtf8(RepairUtf8(text))) << lead;
      EXPECT_EQ(RepairUtf8(text) == text, IsUtf8(text)) << lead;
    }
  }
}

}  // namespace
}  // namespace parley
