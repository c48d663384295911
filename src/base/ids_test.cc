#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <unordered_set>
#include <vector>

namespace parley {
namespace {

constexpr const char* kText = "0190b8a4-7c1e-7abc-8def-0123456789ab";

TEST(UuidTest, AParsedIdIsFormattedInLowerCase) {
  const auto id = Uuid::Parse("0190B8A4-7C1E-7aBc-8DEF-0123456789AB");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->ToString(), kText);
  EXPECT_EQ(id->bytes[0], 0x01);
  EXPECT_EQ(id->bytes[15], 0xAB);
  EXPECT_EQ(Uuid::FromBytes(id->bytes), *id);
  std::string out = "id=";
  AppendUuid(out, *id);
  EXPECT_EQ(out, "id=0190b8a4-7c1e-7abc-8def-0123456789ab");
}

TEST(UuidTest, HyphensAreOptional) {
  EXPECT_EQ(Uuid::Parse("0190B8A47C1E7aBc8DEF0123456789AB"), Uuid::Parse(kText));
  EXPECT_FALSE(Uuid::Parse("0190b8a4-7c1e7abc8def0123456789ab"));
  EXPECT_FALSE(Uuid::Parse("0190b8a47c1e7abc8def0123456789a"));
}

TEST(UuidTest, InvalidTextIsRejected) {
  const std::string good = kText;
  EXPECT_FALSE(Uuid::Parse(""));
  EXPECT_FALSE(Uuid::Parse("{" + good + "}"));
  EXPECT_FALSE(Uuid::Parse("urn:uuid:" + good));
  EXPECT_FALSE(Uuid::Parse(good + " "));
  EXPECT_FALSE(Uuid::Parse(good.substr(1)));
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char wrong : {'g', ' ', '\0', '\xC3', '+'}) {
      std::string text = good;
      text[i] = wrong;
      EXPECT_FALSE(Uuid::Parse(text)) << i;
    }
  }
}

TEST(UuidTest, NilIsAllZeros) {
  EXPECT_TRUE(Uuid{}.IsNil());
  EXPECT_TRUE(Uuid::Parse("00000000-0000-0000-0000-000000000000")->IsNil());
  EXPECT_FALSE(Uuid::Parse(kText)->IsNil());
}

// Proves: UUIDs, version 7, any case in, lower case out
TEST(UuidGeneratorTest, IdsContainVersionVariantAndMilliseconds) {
  const ManualClock clock({0x0190'B8A4'7C1E * 1000 + 999});
  UuidGenerator generator(clock);
  const std::string text = generator.Next().ToString();
  EXPECT_EQ(text.substr(0, 13), "0190b8a4-7c1e");
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
}

TEST(UuidGeneratorTest, IdsIncreaseWhenTheClockStandsStillOrGoesBack) {
  ManualClock clock;
  UuidGenerator generator(clock);
  Uuid last = generator.Next();
  for (int i = 0; i < 20'000; ++i) {
    if (i == 9'000) clock.Advance(std::chrono::seconds(-3));
    if (i == 15'000) clock.Advance(std::chrono::seconds(60));
    const Uuid next = generator.Next();
    ASSERT_LT(last, next) << i;
    ASSERT_EQ(next.bytes[6] >> 4, 7) << i;
    last = next;
  }
}

TEST(UuidGeneratorTest, TwoGeneratorsWithOneClockProduceDifferentIds) {
  const ManualClock clock;
  UuidGenerator one(clock), other(clock);
  std::unordered_set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(one.Next()).second);
    EXPECT_TRUE(seen.insert(other.Next()).second);
  }
}

TEST(UuidTest, HashesSpreadOverShards) {
  const ManualClock clock;
  UuidGenerator generator(clock);
  std::array<int, 8> counts{};
  for (int i = 0; i < 8000; ++i) ++counts[ShardOf(generator.Next(), 8)];
  for (const int count : counts) EXPECT_GT(count, 700);
}

// Proves: user ids
TEST(UserIdTest, LengthAndAlphabetAreChecked) {
  for (const char* good : {"a", "42", "Ann_B.c:d@e-f", "0", "-"})
    EXPECT_TRUE(IsUserId(good)) << good;
  EXPECT_TRUE(IsUserId(std::string(128, 'x')));
  EXPECT_FALSE(IsUserId(std::string(129, 'x')));
  for (const char* good :
       {"auth0|5f7c", "ann+chat@example.org", "a,b;c=d&e", "...", ".a", "a'~!$*()[]{}^`"})
    EXPECT_EQ(ParseUserId(good), good);
  for (const char* bad : {"", " ", "a b", "a/b", "a\n", "\xC3\xA4", "a\x7F", ".", ".."}) {
    EXPECT_FALSE(ParseUserId(bad)) << bad;
  }
  EXPECT_FALSE(ParseUserId(std::string_view("a\0b", 3)));
}

TEST(UserIdTest, EveryPrintableAsciiCharacterButNineIsAllowed) {
  for (int c = 0; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    const bool good =
        c > 0x20 && c < 0x7F && std::string("\"\\<>/?#%.").find(text) == std::string::npos;
    EXPECT_EQ(ParseUserId(text).has_value(), good) << c;
    EXPECT_EQ(ParseUserId("a" + text).has_value(), good || c == '.') << c;
  }
}

TEST(UserIdTest, TheUuidFormIsFoldedToLowerCase) {
  EXPECT_EQ(ParseUserId("0190B8A4-7C1E-7ABC-8DEF-0123456789AB"), kText);
  EXPECT_FALSE(IsUserId("0190B8A4-7C1E-7ABC-8DEF-0123456789AB"));
  EXPECT_TRUE(IsUserId(kText));
  for (const char* other :
       {"0190B8A47C1E7ABC8DEF0123456789AB", "0190B8A4-7C1E-7ABC-8DEF-0123456789AX",
        "0190B8A4-7C1E-7ABC-8DEF-0123456789A", "Ann"}) {
    EXPECT_EQ(ParseUserId(other), other) << "not the 36-character form";
  }
}

TEST(RandomTest, HexHasTheRequestedLengthAndDiffers) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string text = RandomHex(16);
    EXPECT_EQ(text.size(), 32u);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(text).second);
  }
  EXPECT_EQ(RandomHex(0), "");
}

TEST(RandomIdBytesTest, IdsDifferWithinAndAcrossBlocksAndThreads) {
  std::set<std::string> ids;
  const auto draw = [](std::set<std::string>& into) {
    for (int i = 0; i < 2000; ++i) into.insert(RandomIdHex(16));
  };
  draw(ids);
  std::set<std::string> of_thread;
  std::thread([&] { draw(of_thread); }).join();
  ids.merge(of_thread);
  EXPECT_EQ(ids.size(), 4000u);
  EXPECT_TRUE(of_thread.empty()) << "two threads drew the same id";
  for (const std::string& id : ids) EXPECT_EQ(id.size(), 32u);
}

TEST(RandomIdBytesTest, MoreBytesThanABlockAreFilled) {
  std::vector<uint8_t> bytes(10'000);
  RandomIdBytes(bytes);
  const std::set<uint8_t> values(bytes.begin(), bytes.end());
  EXPECT_EQ(values.size(), 256u);
  EXPECT_NE(std::vector(bytes.end() - 16, bytes.end()), std::vector<uint8_t>(16));
}

}  // namespace
}  // namespace parley
