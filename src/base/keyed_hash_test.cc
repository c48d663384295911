#include "base/keyed_hash.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "base/ids.h"

namespace parley {
namespace {

// An independent implementation's values (Rust's core::hash::SipHasher13, key 00 01 .. 0f, input the
// first n bytes 00 01 ..).
constexpr std::array<uint64_t, 2> kReferenceKey = {0x0706050403020100ull, 0x0F0E0D0C0B0A0908ull};

std::string FirstBytes(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(KeyedHash, MatchesTheReferenceVectorsOfSipHash13) {
  EXPECT_EQ(SipHash13(FirstBytes(0), kReferenceKey), 0xABAC0158050FC4DCull);
  EXPECT_EQ(SipHash13(FirstBytes(1), kReferenceKey), 0xC9F49BF37D57CA93ull);
  EXPECT_EQ(SipHash13(FirstBytes(7), kReferenceKey), 0xD3927D989BB11140ull);
  EXPECT_EQ(SipHash13(FirstBytes(8), kReferenceKey), 0x369095118D299A8Eull);
  EXPECT_EQ(SipHash13(FirstBytes(63), kReferenceKey), 0x9D199062B7BBB3A8ull);
}

TEST(KeyedHash, AnotherKeyGivesAnotherHash) {
  const std::array<uint64_t, 2> other = {kReferenceKey[0] ^ 1, kReferenceKey[1]};
  EXPECT_NE(SipHash13("ann", kReferenceKey), SipHash13("ann", other));
}

TEST(KeyedHash, IsStableWithinTheProcess) {
  EXPECT_EQ(KeyedHashOf("ann"), KeyedHashOf(std::string("an") + "n"));
  EXPECT_EQ(std::hash<Uuid>()(Uuid{}), std::hash<Uuid>()(Uuid{}));
}

// std::hash<std::string> has a fixed seed, so colliding ids can be computed in advance.
TEST(KeyedHash, DependsOnEveryByte) {
  std::set<uint64_t> hashes;
  const std::string text = FirstBytes(40);
  for (size_t size = 0; size <= text.size(); ++size)
    hashes.insert(KeyedHashOf(text.substr(0, size)));
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    hashes.insert(KeyedHashOf(changed));
  }
  EXPECT_EQ(hashes.size(), 81u);
}

TEST(KeyedHash, MapsCanBeSearchedByStringView) {
  KeyedMap<int> map;
  map["ann"] = 1;
  EXPECT_EQ(map.find(std::string_view("ann"))->second, 1);
  EXPECT_EQ(map.find(std::string_view("bob")), map.end());
}

}  // namespace
}  // namespace parley
