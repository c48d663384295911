#include "cache/cache_seal.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

const std::string kSecret(32, 's');

TEST(CacheSeal, AnEntryIsJsonThatOpensUnderItsKeyOnly) {
  const CacheSeal seal(kSecret), same(kSecret), other(std::string(32, 'o'));
  const std::string text = seal.Seal("key", R"({"a":1})");
  EXPECT_TRUE(text.starts_with(R"({"mac":")"));
  EXPECT_TRUE(text.ends_with(R"(","data":{"a":1}})"));
  EXPECT_EQ(same.Open("key", text), R"({"a":1})");
  EXPECT_FALSE(same.Open("other key", text));
  EXPECT_FALSE(same.Open("ke", seal.Seal("key", "1")));
  EXPECT_FALSE(other.Open("key", text)) << "of another store";
}

TEST(CacheSeal, EveryChangedByteMakesAnEntryInvalid) {
  const CacheSeal seal(kSecret);
  const std::string text = seal.Seal("key", R"({"a":"text"})");
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(seal.Open("key", changed)) << changed;
    EXPECT_FALSE(seal.Open("key", text.substr(0, at)));
  }
  EXPECT_FALSE(seal.Open("key", text + " "));
}

// The bytes between key and value count to one of them.
TEST(CacheSeal, BytesCannotMoveBetweenKeyAndValue) {
  const CacheSeal seal(kSecret);
  const std::string text = seal.Seal("key:1", "2");
  const std::string moved = text.substr(0, text.size() - 2) + "12}";
  EXPECT_FALSE(seal.Open("key:", moved));
}

}  // namespace
}  // namespace parley
