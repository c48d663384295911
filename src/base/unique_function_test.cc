#include "base/unique_function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace parley {
namespace {

TEST(UniqueFunctionTest, CallsItsTarget) {
  UniqueFunction<int(int, int)> add = [](int a, int b) { return a + b; };
  EXPECT_EQ(add(2, 3), 5);
  EXPECT_TRUE(static_cast<bool>(add));
}

TEST(UniqueFunctionTest, IsEmptyUntilAssigned) {
  UniqueFunction<void()> nothing;
  EXPECT_FALSE(static_cast<bool>(nothing));
  nothing = [] {};
  EXPECT_TRUE(static_cast<bool>(nothing));
}

TEST(UniqueFunctionTest, HoldsMoveOnlyTargets) {
  auto number = std::make_unique<int>(7);
  UniqueFunction<int()> small = [number = std::move(number)] { return *number; };
  UniqueFunction<int()> moved = std::move(small);
  EXPECT_FALSE(static_cast<bool>(small));  // NOLINT: what a move leaves is promised
  EXPECT_EQ(moved(), 7);
}

TEST(UniqueFunctionTest, ArgumentsAreMovedThrough) {
  UniqueFunction<std::unique_ptr<int>(std::unique_ptr<int>)> same = [](std::unique_ptr<int> p) {
    return p;
  };
  EXPECT_EQ(*same(std::make_unique<int>(3)), 3);
}

TEST(UniqueFunctionTest, KeepsItsStateBetweenCalls) {
  UniqueFunction<int()> count = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(count(), 1);
  UniqueFunction<int()> moved = std::move(count);
  EXPECT_EQ(moved(), 2);
}

// Small captures are stored inside, large ones outside: both must be destroyed exactly once.
template <size_t kPadding>
void DiesOnce() {
  const auto token = std::make_shared<int>(0);
  {
    std::array<char, kPadding> padding{};
    UniqueFunction<long()> first = [token, padding] { return token.use_count() + padding[0]; };
    EXPECT_EQ(token.use_count(), 2);
    UniqueFunction<long()> second = std::move(first);
    EXPECT_EQ(second(), 2);
    UniqueFunction<long()> third = [] { return 0L; };
    third = std::move(second);
    EXPECT_EQ(token.use_count(), 2);
    EXPECT_EQ(third(), 2);
    UniqueFunction<long()>& alias = third;
    third = std::move(alias);
    EXPECT_EQ(third(), 2);
    third = [] { return 9L; };
    EXPECT_EQ(token.use_count(), 1);
    EXPECT_EQ(third(), 9);
  }
  EXPECT_EQ(token.use_count(), 1);
}
TEST(UniqueFunctionTest, SmallCapturesAreDestroyedOnce) { DiesOnce<8>(); }
TEST(UniqueFunctionTest, LargeCapturesAreDestroyedOnce) { DiesOnce<500>(); }

struct alignas(64) Wide {
  double numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
};
TEST(UniqueFunctionTest, OveralignedCapturesStayAligned) {
  const Wide wide;
  UniqueFunction<bool()> aligned = [wide] {
    return reinterpret_cast<uintptr_t>(&wide) % alignof(Wide) == 0 && wide.numbers[7] == 8;
  };
  UniqueFunction<bool()> moved = std::move(aligned);
  EXPECT_TRUE(moved());
}

}  // namespace
}  // namespace parley
