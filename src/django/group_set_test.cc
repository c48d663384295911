#include "django/group_set.h"

#include <gtest/gtest.h>

namespace parley::django {
namespace {

using namespace std::chrono_literals;

class GroupSetTest : public testing::Test {
 protected:
  // What is due `after` the start: "+a" a join of group a, "-a" a leave.
  std::string DueAt(Duration after) {
    std::string out;
    while (const auto action = groups_.Next(start_ + after)) {
      out += (action->join ? "+" : "-") + action->group;
    }
    return out;
  }
  void Join(std::string_view group, Duration after = 0s) { groups_.Join(group, start_ + after); }
  void Leave(std::string_view group, Duration after = 0s) { groups_.Leave(group, start_ + after); }

  const Monotonic start_{std::chrono::hours(1)};
  GroupSet groups_{{.linger = 30s, .renew_every = 600s}};
};

TEST_F(GroupSetTest, AGroupIsJoinedOnceAndRenewed) {
  Join("a");
  Join("a");
  EXPECT_EQ(DueAt(0s), "+a");
  EXPECT_EQ(DueAt(599s), "");
  EXPECT_EQ(groups_.next_due(), start_ + 600s);
  EXPECT_EQ(DueAt(600s), "+a");
  EXPECT_EQ(DueAt(1199s), "");
}

TEST_F(GroupSetTest, AGroupIsLeftAfterALinger) {
  Join("a");
  EXPECT_EQ(DueAt(0s), "+a");
  Leave("a", 10s);
  EXPECT_TRUE(groups_.Contains("a")) << "until the leave";
  EXPECT_EQ(DueAt(39s), "");
  EXPECT_EQ(DueAt(40s), "-a");
  EXPECT_FALSE(groups_.Contains("a"));
  EXPECT_EQ(DueAt(10'000s), "");
}

TEST_F(GroupSetTest, AReturnWithinTheLingerCancelsTheLeave) {
  Join("a");
  EXPECT_EQ(DueAt(0s), "+a");
  Leave("a", 10s);
  Join("a", 20s);
  EXPECT_EQ(DueAt(40s), "+a");
  EXPECT_EQ(DueAt(600s), "");
}

TEST_F(GroupSetTest, AGroupThatWasNotJoinedYetIsNotLeft) {
  Join("a");
  Leave("a");
  Leave("b");
  EXPECT_EQ(groups_.size(), 0u);
  EXPECT_EQ(DueAt(100s), "");
}

TEST_F(GroupSetTest, ActionsCanBePutOff) {
  Join("a");
  groups_.PutOff(groups_.Next(start_).value(), start_ + 5s);
  EXPECT_EQ(DueAt(4s), "");
  EXPECT_EQ(DueAt(5s), "+a");
  Leave("a", 10s);
  groups_.PutOff(groups_.Next(start_ + 40s).value(), start_ + 45s);
  EXPECT_EQ(DueAt(44s), "");
  EXPECT_EQ(DueAt(45s), "-a");
  EXPECT_EQ(groups_.size(), 0u);
}

TEST_F(GroupSetTest, AJoinReplacesALeaveThatWasPutOff) {
  Join("a");
  EXPECT_EQ(DueAt(0s), "+a");
  Leave("a");
  const auto leave = groups_.Next(start_ + 30s).value();
  Join("a", 31s);
  groups_.PutOff(leave, start_ + 40s);
  EXPECT_EQ(DueAt(50s), "+a");
}

TEST_F(GroupSetTest, RenewMakesWantedGroupsDueAtOnce) {
  for (const char* const group : {"a", "b", "c"}) Join(group);
  DueAt(0s);
  Leave("c", 1s);
  groups_.Renew(start_ + 2s, [](const std::string& group) { return group != "b"; });
  EXPECT_EQ(DueAt(2s), "+a");
  EXPECT_EQ(DueAt(31s), "-c");
  EXPECT_EQ(DueAt(600s), "+b");
}

TEST_F(GroupSetTest, GroupsThatWereJoinedAreListed) {
  const auto all = [](const std::string&) { return true; };
  Join("a");
  EXPECT_FALSE(groups_.AnyJoined(all));
  EXPECT_TRUE(groups_.Joined().empty());
  DueAt(0s);
  EXPECT_EQ(groups_.AnyJoined(all), "a");
  Leave("a", 1s);
  EXPECT_FALSE(groups_.AnyJoined(all)) << "no longer wanted";
  EXPECT_EQ(groups_.Joined(), std::vector<std::string>{"a"});
}

TEST(GroupSetWithoutRenewal, IsDueOnce) {
  GroupSet groups({.renew_every = std::nullopt});
  groups.Join("a", Monotonic(1s));
  EXPECT_TRUE(groups.Next(Monotonic(1s)));
  EXPECT_FALSE(groups.next_due());
}

}  // namespace
}  // namespace parley::django
