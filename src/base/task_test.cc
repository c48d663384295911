#include "base/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace parley {
namespace {

Task<int> Give(int value) { co_return value; }

Task<int> Sum(int count) {
  int sum = 0;
  for (int i = 1; i <= count; ++i) sum += co_await Give(i);
  co_return sum;
}

Task<void> Into(std::string& out, int count) { out = std::to_string(co_await Sum(count)); }

// Holds callbacks, which the test calls later.
struct Callbacks {
  std::vector<Resolve<std::string>> waiting;
  void Ask(Resolve<std::string> done) { waiting.push_back(std::move(done)); }
};

Task<void> AskTwice(Callbacks& callbacks, std::string& out, std::shared_ptr<int> alive) {
  auto first =
      Suspend<std::string>([&](Resolve<std::string> done) { callbacks.Ask(std::move(done)); });
  out += co_await first;
  auto second =
      Suspend<std::string>([&](Resolve<std::string> done) { callbacks.Ask(std::move(done)); });
  out += co_await second;
  ++*alive;
}

TEST(TaskTest, StartsOnlyWhenDetachedAndRunsToItsEnd) {
  std::string out;
  Task<void> task = Into(out, 4);
  EXPECT_EQ(out, "");
  std::move(task).Detach();
  EXPECT_EQ(out, "10");
}

TEST(TaskTest, ManyTasksThatEndAtOnceCanBeAwaited) {
  int64_t sum = 0;
  auto task = [](int64_t& out) -> Task<void> {
    for (int i = 0; i < 2'000; ++i) out += co_await Give(1);
  };
  task(sum).Detach();
  EXPECT_EQ(sum, 2'000);
}

TEST(TaskTest, SuspendResumesWithItsAnswerAndFreesTheFrame) {
  Callbacks callbacks;
  std::string out;
  const auto alive = std::make_shared<int>(0);
  AskTwice(callbacks, out, alive).Detach();
  ASSERT_EQ(callbacks.waiting.size(), 1u);
  EXPECT_EQ(alive.use_count(), 2);
  callbacks.waiting[0]("one ");
  EXPECT_EQ(out, "one ");
  ASSERT_EQ(callbacks.waiting.size(), 2u);
  callbacks.waiting[1]("two");
  EXPECT_EQ(out, "one two");
  EXPECT_EQ(*alive, 1);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(TaskTest, AnImmediateAnswerIsReturned) {
  std::string out;
  auto task = [](std::string& text) -> Task<void> {
    auto now = Suspend<std::string>([](Resolve<std::string> done) { done("at once"); });
    text = co_await now;
  };
  task(out).Detach();
  EXPECT_EQ(out, "at once");
}

TEST(TaskTest, ATaskThatIsNeverStartedFreesItsArguments) {
  Callbacks callbacks;
  std::string out;
  const auto alive = std::make_shared<int>(0);
  {
    const Task<void> task = AskTwice(callbacks, out, alive);
  }
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(callbacks.waiting.empty());
}

TEST(TaskTest, MoveOnlyValuesAreReturned) {
  int seen = 0;
  auto task = [](int& out) -> Task<void> {
    auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    const std::unique_ptr<int> value = co_await make();
    out = *value;
  };
  task(seen).Detach();
  EXPECT_EQ(seen, 5);
}

}  // namespace
}  // namespace parley
