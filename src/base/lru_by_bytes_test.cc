#include "base/lru_by_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

class LruByBytesTest : public testing::Test {
 protected:
  using Values = LruByBytes<std::string, int>;
  void Put(const std::string& key, int value, size_t bytes) {
    values_.Use(key) = value;
    values_.CountLastUsed(bytes);
  }
  bool Has(const std::string& key) const { return values_.Peek(key) != nullptr; }

  Gauge gauge_;
  Values values_{100, gauge_};
};

TEST_F(LruByBytesTest, TheLeastRecentlyUsedValueIsRemovedAtTheBound) {
  Put("a", 1, 40);
  Put("b", 2, 40);
  EXPECT_NE(values_.FindIf("a", [](int value) { return value == 1; }), nullptr);
  Put("c", 3, 40);
  EXPECT_TRUE(Has("a") && Has("c"));
  EXPECT_FALSE(Has("b"));
  EXPECT_EQ(gauge_.value(), 80);
}

TEST_F(LruByBytesTest, AValueThatIsNotAcceptedIsNotUsed) {
  Put("a", 1, 40);
  Put("b", 2, 40);
  EXPECT_EQ(values_.FindIf("a", [](int) { return false; }), nullptr);
  Put("c", 3, 40);
  EXPECT_FALSE(Has("a"));
}

TEST_F(LruByBytesTest, AReplacedValueIsCountedOnceAndTheNewestStays) {
  Put("a", 1, 90);
  Put("a", 2, 30);
  EXPECT_EQ(gauge_.value(), 30);
  Put("b", 3, 500);
  EXPECT_TRUE(Has("b")) << "the last one stays, whatever its size";
  EXPECT_FALSE(Has("a"));
}

TEST(LruByBytesEndTest, TheGaugeForgetsTheBytesOfAnOwnerThatEnds) {
  Gauge gauge;
  {
    LruByBytes<std::string, int> values(100, gauge);
    values.Use("a") = 1;
    values.CountLastUsed(60);
  }
  EXPECT_EQ(gauge.value(), 0);
}

}  // namespace
}  // namespace parley
