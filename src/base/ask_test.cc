#include "base/ask.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "test/support/step_executor.h"

namespace parley {
namespace {

class Desk {
 public:
  virtual ~Desk() = default;
  virtual void Join(const std::string& left, std::unique_ptr<std::string> right,
                    std::optional<int> times, Executor& on, Answer<std::string> done) {
    ++calls;
    std::string joined;
    for (int i = 0; i < times.value_or(1); ++i) joined += left + *right;
    on.Post([done = std::move(done), joined]() mutable { done(joined); });
  }
  int calls = 0;
};
class BusyDesk final : public Desk {};

TEST(AskTest, ArgumentsLiveUntilTheAwaitAndItReturnsTheAnswer) {
  test::StepExecutor executor;
  BusyDesk desk;
  std::string out;
  const auto task = [](Executor& on, BusyDesk& asked, std::string& result) -> Task<void> {
    std::string left = "a";
    auto joining = Ask(on, asked, &Desk::Join, left, std::make_unique<std::string>("b"), 2);
    left = "changed";
    EXPECT_EQ(asked.calls, 0) << "the call starts with the await";
    const Result<std::string> first = co_await joining;
    auto again =
        Ask(on, asked, &Desk::Join, *first, std::make_unique<std::string>("!"), std::nullopt);
    const Result<std::string> second = co_await again;
    result = *second;
  };
  task(executor, desk, out).Detach();
  EXPECT_EQ(desk.calls, 1);
  EXPECT_EQ(out, "");
  executor.Run();
  EXPECT_EQ(out, "abab!");
}

}  // namespace
}  // namespace parley
