#include "net/deflate.h"

#include <gtest/gtest.h>

#include "test/support/seeded_random.h"

namespace parley {
namespace {

using Status = Inflater::Status;

Status Inflate(std::string_view compressed, size_t piece, size_t most, std::string& out) {
  Inflater inflater;
  for (size_t at = 0; at < compressed.size(); at += piece) {
    const Status status = inflater.Feed(compressed.substr(at, piece), out, most);
    if (status != Status::kOk) return status;
  }
  return inflater.Finish(out, most);
}

TEST(DeflateTest, DataIsRestoredForAnySplit) {
  test::SeededRandom random(1);
  for (const size_t size : {0, 1, 125, 4096, 70'000}) {
    std::string message;
    for (size_t i = 0; i < size; ++i) {
      message += random.OneIn(3) ? static_cast<char>(random.Below(256)) : 'a';
    }
    for (const int window : {9, 12, 15}) {
      const std::string compressed = Deflate(message, window);
      for (const size_t piece : {size_t{1}, size_t{7}, compressed.size() + 1}) {
        std::string out;
        ASSERT_EQ(Inflate(compressed, piece, size, out), Status::kOk) << size << " " << window;
        ASSERT_EQ(out, message);
      }
    }
  }
}

// Proves: permessage-deflate, --test-echo
TEST(DeflateTest, ADecompressionBombStopsAtTheLimit) {
  const std::string compressed = Deflate(std::string(16 * 1024 * 1024, 'x'), 15);
  ASSERT_LT(compressed.size(), 20'000u);
  std::string out;
  EXPECT_EQ(Inflate(compressed, 4096, 100'000, out), Status::kTooBig);
  EXPECT_LE(out.size(), 100'000u);
}

TEST(DeflateTest, InvalidAndTruncatedDataIsAnError) {
  const std::string compressed = Deflate("in the middle of something, in the middle", 15);
  std::string out;
  EXPECT_EQ(Inflate("\xff\xff\xff\xff", 4, 1000, out), Status::kBroken);
  out.clear();
  EXPECT_EQ(Inflate(compressed.substr(0, compressed.size() - 3), 4, 1000, out), Status::kBroken);
}

// Proves: permessage-deflate, --test-echo
TEST(DeflateTest, RandomInputNeverInflatesBeyondTheLimit) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    test::SeededRandom random(seed);
    std::string noise;
    for (size_t i = random.Below(200); i > 0; --i) noise += static_cast<char>(random.Below(256));
    std::string out;
    Inflate(noise, 1 + random.Below(50), 500, out);
    ASSERT_LE(out.size(), 500u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace parley
