// Presence from the user's shard to the clients of conversations, through the hubs of three shards: users connect,
// disconnect, join and leave in random order, while batches of presence wait.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "hub/hub.h"
#include "protocol/events.h"
#include "test/support/model_store.h"
#include "test/support/seeded_random.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using std::chrono::milliseconds;
using test::ModelStore;
using test::SeededRandom;
using test::StepExecutor;

// A conversation socket, and which users its client shows as online.
class Client final : public FeedSink {
 public:
  Client(Hub& hub, const Uuid& conversation, UserId user)
      : hub_(hub), user_(std::move(user)), feed(conversation, *this) {
    hub_.Subscribe(feed, user_, false, [this](Feed& found, const Result<Subscription>& given) {
      if (!given) return;
      const std::vector<bool>& online = hub_.OnlineOf(found.conversation(), given->participants);
      for (size_t i = 0; i < online.size(); ++i) {
        if (online[i]) shown.insert((*given->participants)[i]);
      }
      hub_.Connected(user_);
      greeted = true;
      found.HoldAt(given->head);
      found.Start(given->head);
    });
  }
  ~Client() override {
    hub_.Unsubscribe(feed);
    if (greeted) hub_.Disconnected(user_);
  }

  SendStatus SendEvent(const Event&) override { return SendStatus::kQueued; }
  void SendEphemeral(const Event&) override {}
  bool SendPresence(std::span<const EventRef> events) override {
    for (const EventRef& event : events) {
      if (event->kind == EventKind::kUserOnline) shown.insert(event->except_user);
      if (event->kind == EventKind::kUserOffline) shown.erase(event->except_user);
    }
    return true;
  }
  void SendGap(const Uuid&, int64_t, int64_t, bool) override {}
  void Fetch(Feed& asking) override { hub_.Fetch(asking); }
  void FetchFailed(Feed& asking) override { hub_.Fetch(asking); }
  void Fetched(Feed&) override {}
  void CaughtUp(Feed&) override {}
  const UserId& user() const override { return user_; }
  void OnRemoved(Feed&, const Event&) override { removed = true; }

 private:
  Hub& hub_;
  const UserId user_;

 public:
  Feed feed;
  std::set<UserId> shown;
  bool greeted = false, removed = false;
};

class PresenceConvergenceTest : public testing::Test {
 protected:
  static constexpr size_t kShards = 3, kRooms = 4, kStable = 6, kUsers = 9;

  explicit PresenceConvergenceTest() {
    for (unsigned i = 0; i < kShards; ++i) {
      shards_.push_back(std::make_unique<StepExecutor>());
      hubs_.push_back(std::make_unique<Hub>(
          *shards_[i], i, store_, counters_,
          HomeOptions{.shards = kShards, .clock = &clock_, .online = &online_}));
    }
    Hub::Connect(hubs_);
    store_.Put(crowd_, {"watcher", "noise"});
    for (size_t i = 0; i < kUsers; ++i) users_.push_back("user" + std::to_string(i));
    for (uint8_t i = 0; i < kRooms; ++i) {
      rooms_.push_back(Uuid{{i, 1, 2, 3, 4, 5, 6, 7, i, 9, 10}});
      store_.Put(rooms_.back(), {users_.begin(), users_.begin() + kStable});
    }
  }
  const Uuid crowd_{{0xcc, 1}};

  void Rest() {
    for (bool busy = true; busy;) {
      busy = !store_.idle();
      store_.Run();
      for (const auto& shard : shards_) busy |= shard->Step();
    }
  }
  void Tick(milliseconds passed) {
    clock_.Advance(passed);
    for (const auto& hub : hubs_) hub->OnTick(clock_.Steady());
  }
  void ChangeMember(const Uuid& room, ChangeVerb verb) {
    hubs_[0]->Apply(
        {.conversation = room, .actor = "user0", .as_service = true, .verb = std::move(verb)},
        [](const Result<AppliedChange>&) {});
  }

  ManualClock clock_;
  OnlineUsers online_;
  ModelStore store_;
  HubCounters counters_;
  std::vector<std::unique_ptr<StepExecutor>> shards_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::vector<UserId> users_;
  std::vector<Uuid> rooms_;
};

// Proves: P11 presence
TEST_F(PresenceConvergenceTest, EveryClientShowsWhoIsOnlineInTheEnd) {
  size_t waited = 0;
  std::vector<std::unique_ptr<Client>> crowd;
  for (const auto& hub : hubs_) crowd.push_back(std::make_unique<Client>(*hub, crowd_, "watcher"));
  Rest();
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    std::vector<std::unique_ptr<Client>> clients;
    const bool storm = seed % 3 != 0;
    for (int step = 0; step < 400; ++step) {
      const Uuid& room = rooms_[random.Below(kRooms)];
      switch (random.Below(12)) {
        case 0:
        case 1:
        case 2:
          if (clients.size() < 30) {
            clients.push_back(std::make_unique<Client>(*hubs_[random.Below(kShards)], room,
                                                       users_[random.Below(kStable)]));
          }
          break;
        case 3:
        case 4:
          if (!clients.empty()) {
            std::swap(clients[random.Below(clients.size())], clients.back());
            clients.pop_back();
          }
          break;
        case 5:
          ChangeMember(room, AddParticipant{users_[kStable + random.Below(kUsers - kStable)]});
          break;
        case 6:
          ChangeMember(room, RemoveParticipant{users_[kStable + random.Below(kUsers - kStable)]});
          break;
        case 7:
          Tick(milliseconds(random.OneIn(4) ? 2100 : 10));
          break;
        case 8:
          store_.Step(random);
          break;
        default:
          for (size_t i = random.Below(12); i > 0; --i) shards_[random.Below(kShards)]->Step();
      }
      // As if many other conversations had changes of presence in this tick.
      if (storm && random.OneIn(3)) {
        for (size_t i = 0; i < PresenceBatches::kPromptWrites; ++i) {
          hubs_[ShardOf(crowd_, kShards)]->BroadcastEphemeral(PresenceEvent(crowd_, "noise", true));
        }
      }
      waited = std::max(waited, static_cast<size_t>(counters_.presence_bytes.value()));
    }
    for (int i = 0; i < 3; ++i) {
      Rest();
      Tick(milliseconds(2100));
    }
    for (int i = 0; i < 12; ++i) {
      Rest();
      Tick(milliseconds(100));
    }
    Rest();
    EXPECT_EQ(counters_.presence_bytes.value(), 0);
    for (const auto& client : clients) {
      ASSERT_TRUE(client->greeted) << "seed " << seed;
      for (size_t i = 0; i < kStable; ++i) {
        if (users_[i] == client->user()) continue;
        EXPECT_EQ(client->shown.contains(users_[i]), online_.Has(users_[i]))
            << "seed " << seed << " " << users_[i] << " as shown to " << client->user();
      }
    }
    for (size_t i = 0; i < kStable; ++i) {
      const bool connected = std::ranges::any_of(
          clients, [&](const auto& client) { return client->user() == users_[i]; });
      EXPECT_EQ(online_.Has(users_[i]), connected) << "seed " << seed;
    }
    clients.clear();
    Rest();
    for (int i = 0; i < 3; ++i) {
      Tick(milliseconds(2100));
      Rest();
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(waited, 0u);
}

}  // namespace
}  // namespace parley
