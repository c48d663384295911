#include "hub/typists.h"

#include <gtest/gtest.h>

#include "test/support/rooms.h"
#include "test/support/seeded_random.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Shown = std::vector<std::string>;

using test::kRoom, test::kOther;

class TypistsTest : public testing::Test {
 protected:
  void Start(uint64_t socket_id, const Uuid& room = kRoom) {
    EXPECT_TRUE(typists_.Start(room, "ann", socket_id, now_));
  }
  void Stop(uint64_t socket_id, const Uuid& room = kRoom) {
    typists_.Stop(room, "ann", socket_id, now_);
  }
  // As the shard does: a tick every 100 ms.
  void Pass(milliseconds time) {
    for (; time > milliseconds(0); time -= milliseconds(100)) {
      now_ += milliseconds(100);
      typists_.OnTick(now_);
    }
  }
  Shown Take() {
    shown_at_.clear();
    return std::exchange(shown_, {});
  }

  Monotonic now_ = Monotonic(seconds(1000));
  Shown shown_;
  std::vector<Monotonic> shown_at_;  // the same
  Typists typists_{[this](const Uuid& room, const UserId& user, bool is_typing) {
    shown_at_.push_back(now_);
    shown_.push_back((room == kRoom ? "" : "other:") + user + (is_typing ? "+" : "-"));
  }};
};

TEST_F(TypistsTest, SeveralSocketsOfAUserAreOneTypist) {
  Start(1);
  Start(2);
  EXPECT_EQ(Take(), Shown{"ann+"});
  Stop(1);
  EXPECT_EQ(Take(), Shown{});
  Stop(2);
  EXPECT_EQ(Take(), Shown{"ann-"});
  Stop(2);
  EXPECT_EQ(Take(), Shown{});
}

TEST_F(TypistsTest, TypingEndsSixSecondsAfterTheLastUpdate) {
  Start(1);
  Pass(seconds(4));
  Start(2);
  Pass(seconds(5));
  EXPECT_EQ(Take(), (Shown{"ann+", "ann+"})) << "tab 1 is over, tab 2 is not";
  Pass(seconds(1));
  EXPECT_EQ(Take(), Shown{"ann-"});
  EXPECT_EQ(typists_.size(), 0u);
}

TEST_F(TypistsTest, AnUpdateWithinSixSecondsExtendsTyping) {
  Start(1);
  for (int i = 0; i < 5; ++i) {
    Pass(seconds(5));
    Start(1);
  }
  EXPECT_EQ(Take(), Shown(6, "ann+")) << "each update is shown again";
}

TEST_F(TypistsTest, RepeatedUpdatesAreShownAtMostOnceInTwoSeconds) {
  for (int i = 0; i < 100; ++i) {  // ten seconds
    Start(1);
    Start(2);
    Pass(milliseconds(100));
  }
  EXPECT_EQ(Take(), Shown(5, "ann+"));
}

TEST_F(TypistsTest, TogglingIsLimitedToOneStartPerSecondAndEndsCorrectly) {
  for (int i = 0; i < 10'000; ++i) {  // ten seconds
    Start(1);
    Stop(1);
    if (i % 100 == 99) Pass(milliseconds(100));
  }
  EXPECT_LE(Take().size(), 2u * 11);
  Start(1);
  Pass(seconds(1));
  const Shown end = Take();
  ASSERT_FALSE(end.empty());
  EXPECT_EQ(end.back(), "ann+");
  Stop(1);
  EXPECT_EQ(Take(), Shown{"ann-"}) << "a stop waits for nothing";
}

TEST_F(TypistsTest, ADelayedStartThatStopsIsNotEmitted) {
  Start(1);
  Stop(1);
  Take();
  Start(1);
  Pass(milliseconds(500));
  Stop(1);
  Pass(seconds(2));
  EXPECT_EQ(Take(), Shown{});
}

TEST_F(TypistsTest, EndStopsAllSocketsOfTheConversation) {
  Start(1);
  Start(2);
  Start(1, kOther);
  Take();
  typists_.End(kRoom, "ann", now_);
  EXPECT_EQ(Take(), Shown{"ann-"});
  typists_.End(kRoom, "ann", now_);
  EXPECT_EQ(Take(), Shown{}) << "said once";
}

TEST_F(TypistsTest, TypistsAndSocketsBeyondTheLimitsAreDropped) {
  for (uint64_t socket_id = 0; socket_id < 1000; ++socket_id) Start(socket_id);
  for (uint64_t socket_id = 1000 - Typists::kMaxSockets; socket_id < 1000; ++socket_id)
    Stop(socket_id);
  EXPECT_EQ(Take(), (Shown{"ann+", "ann-"}));
  for (size_t i = typists_.size(); i < Typists::kMaxTypists; ++i) {
    ASSERT_TRUE(typists_.Start(kRoom, "user" + std::to_string(i), 1, now_));
  }
  EXPECT_FALSE(typists_.Start(kRoom, "one too many", 1, now_));
  Pass(seconds(7));
  EXPECT_EQ(typists_.size(), 0u);
  EXPECT_TRUE(typists_.Start(kRoom, "one too many", 1, now_));
}

// For any order of calls: starts and stops alternate, starts are at least a second apart, and the
// last emitted state is correct.
// Proves: typing, typing_indicator
TEST_F(TypistsTest, TheEmittedStateConverges) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    test::SeededRandom random(seed);
    std::map<uint64_t, Monotonic> sockets;
    bool shown = false;
    Monotonic last_start = {};
    const auto look = [&] {
      const std::vector<Monotonic> times = shown_at_;
      size_t at = 0;
      for (const std::string& one : Take()) {
        const Monotonic time = times[at++];
        if (one == "ann+" && shown) {
          ASSERT_GE(time - last_start, kShownAgain) << "seed " << seed;
          last_start = time;
          continue;
        }
        ASSERT_NE(one == "ann+", shown) << "seed " << seed;
        shown = !shown;
        if (!shown) continue;
        ASSERT_GE(time - last_start, kBetweenStarts) << "seed " << seed;
        last_start = time;
      }
    };
    for (int step = 0; step < 500; ++step) {
      const uint64_t socket_id = random.Below(3);
      switch (random.Below(4)) {
        case 0:
          Start(socket_id);
          sockets[socket_id] = now_ + kTypingEnds;
          break;
        case 1:
          Stop(socket_id);
          sockets.erase(socket_id);
          break;
        case 2:
          if (!random.OneIn(8)) break;
          typists_.End(kRoom, "ann", now_);
          sockets.clear();
          break;
        default:
          Pass(milliseconds(100 * random.Below(20)));
      }
      look();
    }
    Pass(milliseconds(1000));
    look();
    std::erase_if(sockets, [&](const auto& one) { return one.second <= now_; });
    EXPECT_EQ(shown, !sockets.empty()) << "seed " << seed;
    Pass(seconds(8));
    look();
    EXPECT_FALSE(shown);
    EXPECT_EQ(typists_.size(), 0u);
  }
}

}  // namespace
}  // namespace parley
