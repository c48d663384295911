// Property test of catch-up (P3-P6) against a model: hubs of one to three shards, which a seeded
// scheduler steps callback by callback, over a store with random delays; and several nodes with a
// bus that loses and reorders events. Readers (test/support/model_reader.h) check every frame; at
// the end, all events must be delivered.
//
// PARLEY_SEEDS=n runs n seeds, PARLEY_SEED=s runs one seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "hub/hub.h"
#include "protocol/events.h"
#include "store/log_follower.h"
#include "test/support/model_bus.h"
#include "test/support/model_reader.h"
#include "test/support/model_store.h"
#include "test/support/step_executor.h"

namespace parley {
namespace {

using test::ModelReader;
using test::ModelStore;
using test::ReaderWorld;
using test::SeededRandom;
using test::StepExecutor;

constexpr size_t kStepsToRest = 400'000;

struct Weather {
  bool failures = false;          // the store is unavailable at times
  bool unknown_outcomes = false;  // some writes end with outcome_unknown
  bool shuffled_answers = false;  // commits become known out of order
  bool retention = false;
  bool members = false;    // members join and leave, and reads of them fail
  bool goes_back = false;  // the store, to an older state
  size_t nodes = 1;
  test::BusFaults bus_faults = {};
};

class Run {
 public:
  Run(uint64_t seed, Weather weather)
      : random_(seed),
        weather_(weather),
        store_(seed),
        world_{store_, random_, {}},
        bus_(random_, weather.bus_faults) {
    SetUpConversations();
    SetUpHubs();
    SetUpReaders();
    store_.faults = {.unavailable_one_in = weather.failures ? 12u : 0u,
                     .unknown_one_in = weather.unknown_outcomes ? 6u : 0u,
                     .members_unavailable_one_in = weather.members ? 4u : 0u,
                     .shuffled_answers = weather.shuffled_answers};
    world_.acknowledged_is_known = !weather.shuffled_answers && !weather.unknown_outcomes &&
                                   weather.nodes == 1 && !weather.goes_back;
    world_.one_node = weather.nodes == 1;
    world_.store_goes_back = weather.goes_back;
  }

  // The first broken promise; empty if all were kept.
  std::string Play() {
    const int64_t steps = random_.Between(200, 1500);
    for (int64_t i = 0; i < steps && world_.broken.empty(); ++i) SomeStep();
    store_.faults.unavailable_one_in = store_.faults.unknown_one_in = 0;
    store_.faults.members_unavailable_one_in = 0;
    Settle();
    LetTimePass();
    if (weather_.unknown_outcomes || weather_.goes_back ||
        (weather_.failures && weather_.shuffled_answers)) {
      // Events that the hub missed are found with the next message.
      for (const Uuid& conversation : world_.conversations)
        Send(*hubs_[0], conversation, "ann", false);
      Settle();
      LetTimePass();
    }
    for (ModelReader& reader : readers_) {
      if (reader.connection() != nullptr && world_.broken.empty()) reader.CheckComplete();
    }
    if (weather_.nodes == 1) CheckQuietWhenAlone();
    return world_.broken;
  }
  const ReaderWorld& world() const { return world_; }
  size_t lost() const { return bus_.lost; }
  uint64_t found_in_store() const { return counters_.found_in_store.value(); }

 private:
  static constexpr LogFollower::Options kFollow{.every = std::chrono::seconds(10), .page_rows = 2};
  struct Node {
    test::ModelPublisher& publisher;
    StepExecutor& shard;
    LogFollower heads;
  };

  void SetUpConversations() {
    const size_t count = 1 + random_.Below(4);
    for (size_t i = 0; i < count; ++i) {
      Uuid id;
      for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random_.Below(256));
      world_.conversations.push_back(id);
      const int64_t history = random_.OneIn(3) ? random_.Between(0, 500) : random_.Between(0, 20);
      store_.Put(id, {"ann", "bob", "cho"}, history, random_.OneIn(4) ? 2000 : 10);
      if (weather_.retention) DropSome(id);
    }
  }

  void SetUpHubs() {
    for (size_t i = 0; i < weather_.nodes; ++i) SetUpNode();
  }

  void SetUpNode() {
    const unsigned shards = static_cast<unsigned>(1 + random_.Below(3));
    test::ModelPublisher* publisher = weather_.nodes > 1 ? &bus_.AddNode() : nullptr;
    HomeOptions options{.shards = shards,
                        .live_participants = random_.OneIn(2) ? 200u : 2u,
                        .idle_conversations = 1 + random_.Below(4),
                        .clock = &clock_,
                        .tail_bytes = random_.OneIn(2) ? 3000u : 64u * 1024 * 1024,
                        .other_writers = publisher != nullptr,
                        .jitter_seed = static_cast<uint32_t>(random_.Below(1000))};
    if (publisher != nullptr) {
      options.follow_sinks = {publisher};
      options.taps = {publisher};
    }
    std::vector<std::unique_ptr<Hub>> hubs;
    for (unsigned i = 0; i < shards; ++i) {
      shards_.push_back(std::make_unique<StepExecutor>());
      hubs.push_back(
          std::make_unique<Hub>(*shards_.back(), i, store_, counters_, options, publisher));
    }
    Hub::Connect(hubs);
    if (publisher != nullptr) {
      Node& node = nodes_.emplace_back(
          *publisher, *shards_.back(),
          LogFollower(kFollow, clock_.Now(), static_cast<unsigned>(random_.Below(1000))));
      publisher->on_loss = [this, &node] { node.heads.Request(clock_.Steady()); };
    }
    for (auto& hub : hubs) {
      if (publisher != nullptr) publisher->hubs.push_back(hub.get());
      hubs_.push_back(std::move(hub));
    }
  }

  // As in Cluster.
  void FollowStore(Node& node) {
    if (auto query = node.heads.Begin(clock_.Steady(), clock_.Now())) ReadHeads(node, *query);
  }
  void ReadHeads(Node& node, LogQuery query) {
    store_.ListChangedHeads(query, node.shard, [this, &node](Result<ChangedHeads> read) {
      if (!read) return node.heads.OnFailure(clock_.Steady());
      Hub::OnChangedHeads(node.publisher.hubs, std::move(read->heads));
      const auto progress = node.heads.OnPage(read->page);
      if (progress.restarted) Hub::RecheckHeads(node.publisher.hubs);
      if (progress.next) ReadHeads(node, *progress.next);
    });
  }

  // Advances the clock in steps until all timers have run.
  void LetTimePass() {
    for (int i = 0; i < 8 && world_.broken.empty(); ++i) {
      Tick(std::chrono::seconds(3));
      Settle();
    }
  }
  void Tick(Duration passed) {
    clock_.Advance(passed);
    for (const auto& hub : hubs_) hub->OnTick(clock_.Steady());
    for (Node& node : nodes_) FollowStore(node);
    for (; log_read_ < store_.access_log().size(); ++log_read_) {
      bus_.OnAccessChange(store_.access_log()[log_read_]);
    }
  }

  void SetUpReaders() {
    const size_t count = 2 + random_.Below(6);
    readers_.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      static constexpr const char* kUsers[] = {"ann", "bob", "cho", "bob", "stranger", "dan"};
      const size_t shard = random_.Below(shards_.size());
      const size_t limit = random_.OneIn(2) ? 600 + random_.Below(4000) : 1024 * 1024;
      readers_.emplace_back(world_, *hubs_[shard], *shards_[shard],
                            kUsers[random_.Below(weather_.members ? 6 : 5)], limit);
    }
  }

  const Uuid& SomeConversation() {
    return world_.conversations[random_.Below(world_.conversations.size())];
  }

  void SomeStep() {
    if (weather_.goes_back && random_.OneIn(250)) GoBack();
    const size_t choice = random_.Below(100);
    if (choice < 45) {
      shards_[random_.Below(shards_.size())]->Step();
    } else if (choice < 72) {
      store_.Step(random_);
      bus_.Step();
    } else if (choice < 90) {
      world_.client_acts = true;
      readers_[random_.Below(readers_.size())].Act();
      world_.client_acts = false;
    } else if (choice < 97) {
      SendSomething();
    } else if (choice == 99 && weather_.members) {
      ChangeMembers();
    } else if (choice == 97 && random_.OneIn(2)) {
      Tick(std::chrono::milliseconds(random_.Between(1, 3000)));
      if (weather_.nodes > 1 && random_.OneIn(20)) bus_.Reconnect();
    } else if (choice == 97 && weather_.retention) {
      DropSome(SomeConversation());
    } else if (choice == 98) {
      hubs_[random_.Below(hubs_.size())]->BroadcastEphemeral(
          TypingEvent(SomeConversation(), "ann", true));
    }
  }

  void SendSomething() {
    Hub& hub = *hubs_[random_.Below(hubs_.size())];
    const Uuid conversation = SomeConversation();
    static constexpr const char* kSenders[] = {"ann", "bob", "cho", "stranger"};
    const UserId sender = kSenders[random_.OneIn(10) ? 3 : random_.Below(3)];
    // A client sends a burst, and sometimes repeats an earlier message.
    for (size_t burst = 1 + random_.Below(5); burst > 0; --burst) Send(hub, conversation, sender);
  }

  void Send(Hub& hub, const Uuid& conversation, const UserId& sender, bool may_repeat = true) {
    NewMessage message;
    for (uint8_t& byte : message.id.bytes) byte = static_cast<uint8_t>(random_.Below(256));
    message.conversation_id = conversation;
    message.sender_id = sender;
    message.content = std::string(1 + random_.Below(40), 'x');
    if (may_repeat && random_.OneIn(2)) {
      message.client_id = "c" + std::to_string(random_.Below(12));
      message.request_hash[0] = static_cast<uint8_t>(random_.Below(8) == 0);
    }
    const bool certain = sender != "cho" || !weather_.members;
    hub.Send(std::move(message),
             [this, conversation, sender, certain,
              was_member = store_.IsMember(conversation, sender) &&
                           world_.member_acks[conversation] == store_.member_changes(conversation),
              changes = store_.member_changes(conversation)](Result<StoredMessage> stored) {
               const bool same = was_member && store_.member_changes(conversation) == changes;
               OnAnswered(conversation, sender, stored, certain || same);
             });
  }

  void ChangeMembers() {
    static constexpr const char* kGuests[] = {"cho", "dan"};
    const UserId guest = kGuests[random_.Below(2)];
    ChangeRequest request{.conversation = SomeConversation(), .actor = "ann", .verb = {}};
    if (random_.OneIn(2)) {
      request.verb = AddParticipant{guest};
    } else {
      request.verb = RemoveParticipant{guest};
    }
    const Uuid conversation = request.conversation;
    hubs_[random_.Below(hubs_.size())]->Apply(std::move(request),
                                              [this, conversation](Result<AppliedChange> applied) {
                                                if (applied && applied->change.seq != 0)
                                                  ++world_.member_acks[conversation];
                                              });
  }

  void FinishCalls() {
    for (bool busy = true; busy;) {
      busy = !store_.idle();
      store_.Run();
      for (const auto& shard : shards_) busy |= shard->Step();
    }
  }

  void GoBack() {
    // A restore in place has no new epoch, and no call is in flight when the server is back. Before
    // a fail-over ends, at least the acknowledged writes of the lost server are known.
    const bool new_epoch = weather_.nodes > 1 || random_.OneIn(2);
    if (!new_epoch) FinishCalls();
    if (weather_.nodes > 1) {
      store_.AnswerAll();
      for (bool busy = true; busy;) {
        busy = false;
        for (const auto& shard : shards_) busy |= shard->Step();
      }
    }
    store_.GoBack(random_.Between(1, 8), new_epoch);
    bus_.Clear();
    for (auto& [conversation, seq] : world_.acknowledged) {
      seq = std::min(seq, store_.head(conversation));
    }
  }

  void OnAnswered(const Uuid& conversation, const UserId& sender,
                  const Result<StoredMessage>& stored, bool may_send) {
    if (!stored) {
      const bool refused = stored.error().code == ErrorCode::not_participant;
      world_.Check(!refused || sender == "stranger" || !may_send, "who is in may send");
      return;
    }
    if (weather_.goes_back) return;  // it may be gone already
    const int64_t seq = stored->message.seq;
    const Message* found = store_.Find(conversation, seq);
    world_.Check(sender != "stranger", "nobody else may send");
    world_.Check(
        seq <= store_.head(conversation) && (found == nullptr || found->id == stored->message.id),
        "an acknowledged message is stored");
    int64_t& known = world_.acknowledged[conversation];
    known = std::max(known, seq);
  }

  void DropSome(const Uuid& conversation) {
    const int64_t head = store_.head(conversation);
    if (head == 0) return;
    const int64_t upto = random_.Between(1, head);
    if (random_.OneIn(2)) {
      for (int64_t seq = 1; seq <= upto; ++seq) store_.Drop(conversation, seq);
    } else {
      const int64_t most = std::min(head, upto + random_.Between(0, 3));
      for (int64_t seq = upto; seq <= most; ++seq) store_.Drop(conversation, seq);
    }
  }

  // Completes all calls in flight, reconnects all readers, and reads everything.
  void Settle() {
    for (size_t i = 0; i < kStepsToRest; ++i) {
      if (!world_.broken.empty()) return;
      bool busy = shards_[random_.Below(shards_.size())]->Step();
      busy |= store_.Step(random_);
      busy |= bus_.Step();
      busy |= SettleReader(readers_[random_.Below(readers_.size())]);
      if (busy) continue;
      bool rest = true;
      for (ModelReader& reader : readers_) rest &= !SettleReader(reader);
      for (const auto& shard : shards_) rest &= shard->idle();
      if (rest && store_.idle()) return;
    }
    world_.Check(false, "everything comes to rest");
  }

  bool SettleReader(ModelReader& reader) {
    world_.client_acts = true;
    const bool busy = reader.Settle();
    world_.client_acts = false;
    return busy;
  }

  // A send to a conversation without subscribers is not posted to any shard.
  void CheckQuietWhenAlone() {
    if (!world_.broken.empty()) return;
    for (ModelReader& reader : readers_) reader.Leave();
    const auto posted = [this] {
      size_t sum = 0;
      for (const auto& shard : shards_) sum += shard->posted();
      return sum;
    };
    const auto rest = [this] {
      for (bool busy = true; busy;) {
        busy = store_.Step(random_);
        for (const auto& shard : shards_) busy |= shard->Step();
      }
    };
    rest();
    for (const Uuid& conversation : world_.conversations) {
      Send(*hubs_[0], conversation, "ann");  // loads it, where it is not in memory
      rest();
      const size_t before = posted();
      Send(*hubs_[0], conversation, "ann");
      rest();
      // To the home, from the store, and back.
      world_.Check(posted() - before <= 3, "nobody is told where nobody listens");
    }
  }

  SeededRandom random_;
  const Weather weather_;
  ModelStore store_;
  ReaderWorld world_;
  test::ModelBus bus_;
  ManualClock clock_;
  size_t log_read_ = 0;
  HubCounters counters_;
  std::vector<std::unique_ptr<StepExecutor>> shards_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::deque<Node> nodes_;
  std::vector<ModelReader> readers_;
};

uint64_t EnvironmentNumber(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The events of all runs, so that a test cannot pass without exercising its promise.
struct SeenEvent {
  size_t events = 0, gaps = 0, resets = 0, caught_up = 0, fell_behind = 0, failed = 0;
  size_t lost = 0, found_in_store = 0, removed = 0;
};

SeenEvent PlayAll(Weather weather, uint64_t seeds_by_default) {
  SeenEvent seen;
  const uint64_t only = EnvironmentNumber("PARLEY_SEED", 0);
  const uint64_t seeds = EnvironmentNumber("PARLEY_SEEDS", seeds_by_default);
  for (uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : seeds); ++seed) {
    Run run(seed, weather);
    const std::string broken = run.Play();
    EXPECT_EQ("", broken) << "again with PARLEY_SEED=" << seed;
    if (!broken.empty()) break;
    seen.events += run.world().events;
    seen.gaps += run.world().gaps;
    seen.resets += run.world().resets;
    seen.caught_up += run.world().caught_up;
    seen.fell_behind += run.world().fell_behind;
    seen.failed += run.world().failed;
    seen.removed += run.world().removed;
    seen.lost += run.lost();
    seen.found_in_store += run.found_in_store();
  }
  return seen;
}

// Proves: P4 no silent gap
TEST(CatchUpPropertyTest, EveryReaderReceivesEveryEventOnceAndInOrder) {
  const SeenEvent seen = PlayAll({}, 300);
  EXPECT_EQ(seen.gaps, 0u);
  EXPECT_EQ(seen.failed, 0u);
  EXPECT_GT(seen.events, 0u);
  EXPECT_GT(seen.resets, 0u);
  EXPECT_GT(seen.caught_up, 0u);
  EXPECT_GT(seen.fell_behind, 0u);
}

// Proves: P4 no silent gap
TEST(CatchUpPropertyTest, EventsDeletedByRetentionAreReportedAsAGap) {
  EXPECT_GT(PlayAll({.retention = true}, 300).gaps, 0u);
}

TEST(CatchUpPropertyTest, AFailingStoreLosesNoEvent) {
  EXPECT_GT(PlayAll({.failures = true, .retention = true}, 300).failed, 0u);
}

TEST(CatchUpPropertyTest, AnUnknownOutcomeIsFoundWithTheNextMessage) {
  PlayAll({.failures = true, .unknown_outcomes = true}, 300);
}

TEST(CatchUpPropertyTest, CommitsReportedOutOfOrderReachReadersInOrder) {
  PlayAll({.shuffled_answers = true}, 300);
  PlayAll({.failures = true, .shuffled_answers = true, .retention = true}, 300);
}

TEST(CatchUpPropertyTest, MembershipChangesSurviveFailedReads) {
  EXPECT_GT(PlayAll({.members = true}, 300).removed, 0u);
  PlayAll({.failures = true, .retention = true, .members = true}, 300);
  PlayAll({.failures = true,
           .members = true,
           .nodes = 3,
           .bus_faults = {.lost_one_in = 4, .reordered = true}},
          300);
}

// Proves: P4 no silent gap
TEST(CatchUpPropertyTest, ARewoundStoreResetsItsReaders) {
  EXPECT_GT(PlayAll({.goes_back = true}, 300).resets, 0u);
  PlayAll({.failures = true, .goes_back = true}, 300);
  EXPECT_GT(PlayAll({.goes_back = true, .nodes = 3}, 300).resets, 0u);
  PlayAll({.goes_back = true, .nodes = 2, .bus_faults = {.lost_one_in = 4, .reordered = true}},
          300);
}

// Proves: P3 one order
TEST(CatchUpPropertyTest, SeveralNodesShowOneOrder) {
  const SeenEvent seen = PlayAll({.nodes = 3}, 300);
  EXPECT_GT(seen.events, 0u);
  EXPECT_EQ(seen.gaps, 0u);
}

// Proves: P7 Redis is disposable
TEST(CatchUpPropertyTest, EventsLostBetweenNodesAreFoundInTheStore) {
  const SeenEvent seen =
      PlayAll({.nodes = 2, .bus_faults = {.lost_one_in = 3, .reordered = true}}, 300);
  EXPECT_GT(seen.lost, 0u);
  EXPECT_GT(seen.found_in_store, 0u);
  EXPECT_EQ(seen.gaps, 0u);
  PlayAll({.nodes = 3, .bus_faults = {.lost_one_in = 1}}, 100);  // all of it
}

// Proves: P4 no silent gap
TEST(CatchUpPropertyTest, SeveralNodesSurviveAFailingStore) {
  PlayAll({.failures = true,
           .unknown_outcomes = true,
           .retention = true,
           .nodes = 3,
           .bus_faults = {.lost_one_in = 4, .reordered = true}},
          300);
}

}  // namespace
}  // namespace parley
