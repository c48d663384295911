#include "hub/presence.h"

#include <gtest/gtest.h>

#include "test/support/partial_store.h"
#include "test/support/seeded_random.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
using test::StepExecutor;

// Everybody shares one conversation with "eve".
class OneRoomStore final : public test::PartialStore {
 public:
  void InsertMessage(NewMessage, Executor&, Answer<StoredMessage>) override {}
  void LoadHead(Uuid, size_t, Executor&, Answer<ConversationHead>) override {}
  void IsParticipant(Uuid, UserId, Executor&, Answer<bool>) override {}
  void ReadChanges(Uuid, int64_t, int, size_t, Executor&, Answer<ChangesSince>) override {}
  void ListCompany(UserId, size_t, Executor& on, Answer<Company> done) override {
    ++asked;
    const bool fails = std::exchange(fails_next, false);
    on.Post([done = std::move(done), fails]() mutable {
      if (fails) return done(Fail(Error::StoreUnavailable()));
      done(Company{{Uuid{{1}}}, {"eve"}});
    });
  }
  void NoteSeen(const UserId&, Timestamp) override { ++seen; }
  int asked = 0, seen = 0;
  bool fails_next = false;
};

class PresenceTest : public testing::Test, protected PresenceOutlet {
 protected:
  void TellConversation(EventRef event) override {
    const bool on = TextOf(event->frame).find("user_online") != std::string_view::npos;
    told_.push_back(event->hidden_from + (on ? "+" : "-"));
  }
  void TellNodes(const UserId& user, bool online) override {
    to_nodes_.push_back(user + (online ? " on" : " off"));
  }
  void TellUsers(std::vector<UserId> users, EventRef) override {
    EXPECT_EQ(users, std::vector<UserId>{"eve"});
    ++user_events_;
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
  OneRoomStore store_;
  OnlineUsers online_;
  Told told_, to_nodes_;
  int user_events_ = 0;
  Presence presence_{self_, store_, *this, online_, clock_, 200};
};

TEST_F(PresenceTest, TheFirstConnectionIsToldAndNoOther) {
  presence_.Connected("ann");
  EXPECT_TRUE(online_.Has("ann")) << "for who asks now, before anybody is told";
  presence_.Connected("ann");
  EXPECT_EQ(TakeTold(), Told{"ann+"});
  EXPECT_EQ(user_events_, 1);
}

TEST_F(PresenceTest, OfflineIsToldTwoSecondsAfterTheLastHasGone) {
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

TEST_F(PresenceTest, WhoComesBackInTimeNeverWent) {
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

TEST_F(PresenceTest, AStoreThatFailsIsAskedAgain) {
  store_.fails_next = true;
  presence_.Connected("ann");
  EXPECT_EQ(TakeTold(), Told{});
  Pass(milliseconds(100));
  EXPECT_EQ(TakeTold(), Told{"ann+"});
}

TEST_F(PresenceTest, GoingWhileItIsBeingToldIsToldToo) {
  presence_.Connected("ann");  // the store is asked, and does not answer yet
  presence_.Disconnected("ann");
  Pass(milliseconds(2100));
  EXPECT_EQ(TakeTold(), (Told{"ann+", "ann-"}));
}

// Many users, connections and answers in any order: the others never hear the same twice, and in the
// end what they heard is what is so.
TEST_F(PresenceTest, ConvergesInWhateverOrderThingsHappen) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    test::SeededRandom random(seed);
    const std::vector<UserId> users = {"a", "b", "c"};
    std::map<UserId, int> connections;
    std::map<UserId, bool> heard;
    Presence presence(self_, store_, *this, online_, clock_, 200);
    const auto listen = [&] {
      for (const std::string& one : std::exchange(told_, {})) {
        const UserId user = one.substr(0, 1);
        const bool on = one.back() == '+';
        ASSERT_NE(heard[user], on) << "seed " << seed;
        heard[user] = on;
      }
    };
    for (int step = 0; step < 300; ++step) {
      const UserId& user = users[random.Below(users.size())];
      switch (random.Below(5)) {
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
        case 3:
          store_.fails_next = random.OneIn(3);
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
      EXPECT_EQ(heard[user], connections[user] > 0) << "seed " << seed;
      EXPECT_EQ(online_.Has(user), connections[user] > 0) << "seed " << seed;
      online_.Hide(user);
    }
  }
}

}  // namespace
}  // namespace parley
