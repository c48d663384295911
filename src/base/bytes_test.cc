#include "base/bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace parley {
namespace {

TEST(SharedBytesTest, IsEmptyUntilAssigned) {
  const SharedBytes none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.view(), "");
  const SharedBytes also_none("");
  EXPECT_TRUE(also_none.empty());
  EXPECT_EQ(also_none.view(), "");
}

TEST(SharedBytesTest, PartsAreJoinedAndZerosKept) {
  const SharedBytes bytes("head\0er", std::string_view("\0body", 5));
  EXPECT_EQ(bytes.view(), std::string("head") + std::string("\0body", 5));
  EXPECT_EQ(SharedBytes("", "only body").view(), "only body");
}

TEST(SharedBytesTest, CopiesShareOneBlock) {
  SharedBytes first("shared");
  const SharedBytes second = first;
  EXPECT_EQ(first.view().data(), second.view().data());
  first = SharedBytes("other");
  EXPECT_EQ(second.view(), "shared");
  EXPECT_EQ(first.view(), "other");
}

TEST(SharedBytesTest, AMoveEmptiesTheSource) {
  SharedBytes from("x");
  const SharedBytes to = std::move(from);
  EXPECT_TRUE(from.empty());  // NOLINT: what a move leaves is promised
  EXPECT_EQ(to.view(), "x");
}

TEST(SharedBytesTest, AssigningToItselfKeepsTheBytes) {
  SharedBytes bytes("kept");
  const SharedBytes& alias = bytes;
  bytes = alias;
  EXPECT_EQ(bytes.view(), "kept");
}

TEST(SharedBytesTest, ManyThreadsMayCopyAndDropOneBlock) {
  const SharedBytes original(std::string(1000, 'b'));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = original] {
      for (int n = 0; n < 20'000; ++n) {
        const SharedBytes copy = mine;
        ASSERT_EQ(copy.size(), 1000u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(original.view(), std::string(1000, 'b'));
}

TEST(LazyBytesTest, TheBytesAreMadeOnceAndACopyIsEmpty) {
  const LazyBytes bytes;
  int made = 0;
  const auto make = [&] { return SharedBytes(std::to_string(++made)); };
  EXPECT_EQ(bytes.Get(make).view(), "1");
  EXPECT_EQ(bytes.Get(make).view(), "1");
  const LazyBytes copy(bytes);
  EXPECT_EQ(copy.Get(make).view(), "2");
}

TEST(LazyBytesTest, ThreadsThatReadAtTheSameTimeGetTheSameBytes) {
  for (int round = 0; round < 200; ++round) {
    const LazyBytes bytes;
    std::atomic<bool> go{false};
    std::array<const char*, 4> seen{};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < seen.size(); ++i) {
      threads.emplace_back([&, i] {
        while (!go.load()) {
        }
        seen[i] =
            bytes.Get([i] { return SharedBytes(std::string(9, char('a' + i))); }).view().data();
      });
    }
    go = true;
    for (std::thread& thread : threads) thread.join();
    for (const char* one : seen) EXPECT_EQ(one, seen[0]);
  }
}

}  // namespace
}  // namespace parley
