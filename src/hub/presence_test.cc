#include "hub/presence.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "test/support/seeded_random.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
using test::StepExecutor;

// Presence reads nothing from it.
class UnreadStore final : public ActivityStore {
 public:
  void NoteDelivered(const Uuid&, int64_t, int64_t) override { ADD_FAILURE(); }
  void ListSeen(UserId, bool, std::vector<UserId>, Executor&, Answer<std::vector<Seen>>) override {
    ADD_FAILURE();
  }
  void NoteSeen(const UserId&, Timestamp) override { ++seen; }
  int seen = 0;
};

class PresenceTest : public testing::Test, protected PresenceSink {
 protected:
  void BroadcastPresence(const UserId& user, bool online, Origin origin,
                         UniqueFunction<void()> done) override {
    origins_.push_back(origin);
    self_.Post([this, user, online, done = std::move(done)]() mutable {
      told_.push_back(user + (online ? "+" : "-"));
      done();
    });
  }
  void PublishPresence(const UserId& user, bool online) override {
    to_nodes_.push_back(user + (online ? " on" : " off"));
  }
  using Told = std::vector<std::string>;
  Told TakeTold() {
    self_.Run();
    return std::exchange(told_, {});
  }
  void Pass(milliseconds time) {
    clock_.Advance(time);
    presence_.OnTick(clock_.Steady());
  }

  ManualClock clock_;
  StepExecutor self_;
  UnreadStore store_;
  OnlineUsers online_;
  Told told_, to_nodes_;
  std::vector<Origin> origins_;
  Presence presence_{store_, *this, online_, clock_};
};

TEST_F(PresenceTest, ABroadcastKnowsWhetherTheUserIsOrWasConnectedHere) {
  presence_.Connected("ann");
  presence_.SetOnlineElsewhere("bob", true);
  presence_.Disconnected("ann");
  presence_.SetOnlineElsewhere("bob", false);
  TakeTold();
  Pass(kPresenceDebounce);
  TakeTold();
  EXPECT_EQ(std::ranges::count(origins_, Origin::kThisNode), 2);
  EXPECT_EQ(std::ranges::count(origins_, Origin::kOtherNode), 2);
}

TEST_F(PresenceTest, OnlyTheFirstConnectionIsBroadcast) {
  presence_.Connected("ann");
  EXPECT_TRUE(online_.Has("ann")) << "for who asks now, before anybody is told";
  presence_.Connected("ann");
  EXPECT_EQ(TakeTold(), Told{"ann+"});
  EXPECT_EQ(store_.seen, 1);
}

TEST_F(PresenceTest, OfflineIsBroadcastTwoSecondsAfterTheLastConnection) {
  presence_.Connected("ann");
  presence_.Connected("ann");
  TakeTold();
  presence_.Disconnected("ann");
  Pass(milliseconds(5000));
  EXPECT_EQ(TakeTold(), Told{});
  presence_.Disconnected("ann");
  Pass(milliseconds(1900));
  EXPECT_EQ(TakeTold(), Told{});
  EXPECT_TRUE(online_.Has("ann"));
  Pass(milliseconds(200));
  EXPECT_FALSE(online_.Has("ann"));
  EXPECT_EQ(TakeTold(), Told{"ann-"});
}

TEST_F(PresenceTest, AReconnectWithinTheDebounceBroadcastsNothing) {
  presence_.Connected("ann");
  TakeTold();
  for (int i = 0; i < 3; ++i) {
    presence_.Disconnected("ann");
    Pass(milliseconds(1500));
    presence_.Connected("ann");
  }
  Pass(milliseconds(5000));
  EXPECT_EQ(TakeTold(), Told{});
}

TEST_F(PresenceTest, ADepartureDuringABroadcastIsBroadcast) {
  presence_.Connected("ann");  // the broadcast is not done yet
  presence_.Disconnected("ann");
  Pass(milliseconds(2100));
  EXPECT_EQ(TakeTold(), (Told{"ann+", "ann-"}));
}

// A greeting between them reads that ann is offline.
TEST_F(PresenceTest, ADepartureAndAReturnDuringABroadcastAreBroadcast) {
  presence_.Connected("ann");  // the broadcast is not done yet
  presence_.Disconnected("ann");
  Pass(milliseconds(2100));
  presence_.Connected("ann");
  EXPECT_EQ(TakeTold(), (Told{"ann+", "ann-", "ann+"}));
}

// Many users, connections and results in random order: subscribers never receive the same state
// twice, and the last state they receive is correct.
// Proves: P11 presence
TEST_F(PresenceTest, ConvergesForAnyOrderOfCalls) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    test::SeededRandom random(seed);
    const std::vector<UserId> users = {"a", "b", "c"};
    std::map<UserId, int> connections;
    std::map<UserId, bool> received;
    Presence presence(store_, *this, online_, clock_);
    const auto listen = [&] {
      for (const std::string& one : std::exchange(told_, {})) {
        const UserId user = one.substr(0, 1);
        const bool on = one.back() == '+';
        ASSERT_NE(received[user], on) << "seed " << seed;
        received[user] = on;
      }
    };
    for (int step = 0; step < 300; ++step) {
      const UserId& user = users[random.Below(users.size())];
      switch (random.Below(4)) {
        case 0:
          ++connections[user];
          presence.Connected(user);
          break;
        case 1:
          if (connections[user] == 0) break;
          --connections[user];
          presence.Disconnected(user);
          break;
        case 2:
          self_.Step();
          break;
        default:
          clock_.Advance(milliseconds(random.Below(1500)));
          presence.OnTick(clock_.Steady());
      }
      listen();
    }
    for (int i = 0; i < 3; ++i) {
      self_.Run();
      clock_.Advance(milliseconds(2100));
      presence.OnTick(clock_.Steady());
    }
    self_.Run();
    listen();
    for (const UserId& user : users) {
      EXPECT_EQ(received[user], connections[user] > 0) << "seed " << seed;
      EXPECT_EQ(online_.Has(user), connections[user] > 0) << "seed " << seed;
      online_.Hide(user);
    }
  }
}

}  // namespace
}  // namespace parley
