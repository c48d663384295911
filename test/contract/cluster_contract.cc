// The logs that nodes follow in the store: access changes, heads of conversations, and revocations.
#include <algorithm>
#include <map>

#include "store/log_follower.h"
#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using Kind = AccessChange::Kind;

class Log {
 public:
  explicit Log(Store& store) : store_(store) {}
  auto Ask(LogQuery query) {
    return [this, query](Executor& on, Answer<AccessChanges> done) {
      store_.ListAccessChanges(query, on, std::move(done));
    };
  }
  auto Ask(const StorePosition& position) { return Ask(LogQuery{.from = position}); }
  // Returns the current position of the log without its items.
  auto AskForPosition() { return Ask(LogQuery{.since = {INT64_MAX}}); }

 private:
  Store& store_;
};

// Proves: P9 token lifetime
TEST_P(StoreContract, AccessChangesAreListedFromAPosition) {
  Log log(*store_);
  Room({"ann"});
  const StorePosition position = Ask<AccessChanges>(log.AskForPosition())->page.position;
  const Uuid room = Room({"ann", "bob"});
  ASSERT_TRUE(Apply(room, "ann", AddParticipant{"cho"}));
  ASSERT_TRUE(Apply(room, "ann", RemoveParticipant{"bob"}));
  ASSERT_TRUE(Delete(room, "ann"));

  auto read = Ask<AccessChanges>(log.Ask(position));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->changes.size(), 4u);
  for (const AccessChange& one : read->changes) EXPECT_EQ(one.conversation, room);
  EXPECT_EQ(read->changes[0].kind, Kind::kJoined);
  EXPECT_EQ(read->changes[0].users, (std::vector<UserId>{"ann", "bob"}));
  EXPECT_EQ(read->changes[1].kind, Kind::kJoined);
  EXPECT_EQ(read->changes[1].users, std::vector<UserId>{"cho"});
  EXPECT_EQ(read->changes[2].kind, Kind::kRemoved);
  EXPECT_EQ(read->changes[2].users, std::vector<UserId>{"bob"});
  EXPECT_EQ(read->changes[3].kind, Kind::kDeleted);
  EXPECT_TRUE(read->changes[3].users.empty());
  EXPECT_TRUE(std::ranges::is_sorted(read->changes, {}, &AccessChange::id));
  EXPECT_GT(read->page.position.next, position.next);
  EXPECT_FALSE(read->page.more || read->page.stale);
  const auto nothing = Ask<AccessChanges>(log.Ask(read->page.position));
  EXPECT_TRUE(nothing->changes.empty()) << "each change is listed once";
}

TEST_P(StoreContract, ChangesWithoutEffectOnAccessAreNotListed) {
  Log log(*store_);
  const Uuid room = Room({"ann", "bob"});
  const StorePosition position = Ask<AccessChanges>(log.AskForPosition())->page.position;
  ASSERT_TRUE(Apply(room, "ann", AddParticipant{"bob"}));     // already a member
  ASSERT_TRUE(Apply(room, "ann", RemoveParticipant{"eve"}));  // not a member
  EXPECT_FALSE(Apply(room, "bob", RemoveParticipant{"ann"}));
  ASSERT_TRUE(Insert(Text(room, "ann")));
  const auto read = Ask<AccessChanges>(log.Ask(position));
  EXPECT_TRUE(read->changes.empty());
}

TEST_P(StoreContract, ChangesOfManyUsersAreSplit) {
  Log log(*store_);
  const StorePosition position = Ask<AccessChanges>(log.AskForPosition())->page.position;
  std::vector<UserId> users;
  for (int i = 0; i < 1234; ++i) users.push_back("user-" + std::to_string(i));
  const Uuid room = Room(users);
  const auto read = Ask<AccessChanges>(log.Ask(position));
  std::vector<UserId> told;
  for (const AccessChange& one : read->changes) {
    EXPECT_LE(one.users.size(), 500u);
    if (one.conversation == room) told.insert(told.end(), one.users.begin(), one.users.end());
  }
  EXPECT_EQ(told, users);
}

TEST_P(StoreContract, HeadsOfManyConversationsAreLoadedAtOnceWithoutMissingOnes) {
  std::vector<Uuid> asked;
  for (int i = 0; i < 70; ++i) {
    asked.push_back(Room({"ann"}));
    for (int sent = 0; sent < i % 3; ++sent) ASSERT_TRUE(Insert(Text(asked.back(), "ann")));
  }
  ASSERT_TRUE(Delete(asked[5], "ann"));
  asked.push_back(NewId());
  const auto heads = Ask<std::vector<UserConversationHead>>(
      [&](auto& on, auto done) { store_->ListHeads(asked, on, std::move(done)); });
  ASSERT_TRUE(heads);
  std::map<Uuid, int64_t> found;
  for (const UserConversationHead& head : *heads) found.emplace(head.conversation_id, head.seq);
  EXPECT_EQ(found.size(), 69u);
  for (size_t i = 0; i < 70; ++i) {
    if (i == 5) continue;
    EXPECT_EQ(found.at(asked[i]), static_cast<int64_t>(i % 3));
  }
}

TEST_P(StoreContract, EveryAnswerHasTheSameStoreEpoch) {
  const Uuid room = Room({"ann", "bob"});
  const auto sent = Insert(Text(room, "ann"));
  const auto repeated = Insert(Named(room, "ann", "c"));
  const auto again = Insert(Named(room, "ann", "c"));
  ASSERT_TRUE(sent && repeated && again);
  const uint64_t epoch = sent->epoch;
  EXPECT_EQ(epoch != 0, GetParam().shared);
  EXPECT_EQ(again->epoch, epoch);
  const auto applied = Ask<AppliedChange>([&](auto& on, auto done) {
    store_->Apply({.conversation = room, .actor = "ann", .verb = RemoveParticipant{"bob"}}, on,
                  std::move(done));
  });
  EXPECT_EQ(applied->epoch, epoch);
  const auto head = Ask<ConversationHead>(
      [&](auto& on, auto done) { store_->LoadHead(room, 10, on, std::move(done)); });
  EXPECT_EQ(head->epoch, epoch);
  const auto changes = Ask<ChangesSince>([&](auto& on, auto done) {
    store_->ReadChanges(room, 0, 10, SIZE_MAX, on, std::move(done));
  });
  EXPECT_EQ(changes->epoch, epoch);
  const auto heads = Ask<std::vector<UserConversationHead>>(
      [&](auto& on, auto done) { store_->ListHeads({room}, on, std::move(done)); });
  EXPECT_EQ(heads->front().epoch, epoch);
  EXPECT_NE(heads->front().changed, 0);
  const auto user = Ask<UserConversations>([&](auto& on, auto done) {
    store_->ListUserHeads("ann", std::nullopt, on, std::move(done));
  });
  EXPECT_EQ(user->epoch, epoch);
  EXPECT_EQ(user->heads.front().epoch, epoch);
  EXPECT_EQ(user->heads.front().changed, heads->front().changed);
  EXPECT_EQ(Ask<AccessChanges>(Log(*store_).AskForPosition())->page.position.epoch, epoch);
  EXPECT_EQ(Ask<RevocationList>([&](auto& on, auto done) {
              store_->ListRevocations({}, on, std::move(done));
            })->page.position.epoch,
            epoch);
  Reopen();
  EXPECT_EQ(Insert(Text(room, "ann"))->epoch, epoch);
}

// Reads all pages of a log; returns their items.
template <class List, class Ask>
auto RoundOf(LogFollower& follower, Monotonic now, const Clock& clock, List list, Ask ask) {
  decltype(list(*ask(LogQuery()))) all;
  for (auto query = follower.Begin(now, clock.Now()); query;) {
    const auto read = ask(*query);
    EXPECT_TRUE(read);
    if (!read) break;
    const auto items = list(*read);
    EXPECT_LE(items.size(), query->limit);
    all.insert(all.end(), items.begin(), items.end());
    query = follower.OnPage(read->page).next;
  }
  return all;
}

TEST_P(StoreContract, ChangedHeadsAreListedInBoundedPages) {
  LogFollower follower({.every = std::chrono::seconds(2), .page_rows = 7}, clock_.Now(), 1);
  Monotonic now = clock_.Steady();
  const auto round = [&] {
    now += std::chrono::seconds(2);
    const auto heads = RoundOf(
        follower, now, clock_, [](const ChangedHeads& page) { return page.heads; },
        [&](const LogQuery& query) {
          return Ask<ChangedHeads>(
              [&](auto& on, auto done) { store_->ListChangedHeads(query, on, std::move(done)); });
        });
    std::map<Uuid, int64_t> found;
    for (const UserConversationHead& head : heads) found.emplace(head.conversation_id, head.seq);
    EXPECT_EQ(found.size(), heads.size()) << "each conversation once";
    return found;
  };
  std::vector<Uuid> rooms;
  for (int i = 0; i < 30; ++i) rooms.push_back(Room({"ann"}));
  EXPECT_TRUE(round().empty()) << "the first round only gets a position";
  EXPECT_TRUE(round().empty());
  for (size_t i = 0; i < 20; ++i) ASSERT_TRUE(Insert(Text(rooms[i], "ann")));
  ASSERT_TRUE(Insert(Text(rooms[0], "ann")));
  ASSERT_TRUE(Delete(rooms[1], "ann"));
  ASSERT_TRUE(Apply(rooms[25], "ann", AddParticipant{"bob"}));
  const auto moved = round();
  EXPECT_EQ(moved.size(), 20u);
  EXPECT_EQ(moved.at(rooms[0]), 2);
  EXPECT_EQ(moved.at(rooms[19]), 1);
  EXPECT_EQ(moved.at(rooms[25]), 1);
  EXPECT_FALSE(moved.contains(rooms[1]));
  EXPECT_FALSE(moved.contains(rooms[20]));
  EXPECT_TRUE(round().empty());
  InsertMany(rooms[3], "ann", 600);  // many messages in one transaction
  EXPECT_EQ(round(), (std::map<Uuid, int64_t>{{rooms[3], 601}}));
}

TEST_P(StoreContract, APositionOfAnotherStoreIsStale) {
  Log log(*store_);
  Room({"ann"});
  StorePosition position = Ask<AccessChanges>(log.AskForPosition())->page.position;
  EXPECT_FALSE(Ask<AccessChanges>(log.Ask(position))->page.stale);
  StorePosition other = position;
  other.epoch += 1;
  Room({"ann"});
  const auto of_another_epoch = Ask<AccessChanges>(log.Ask(other));
  EXPECT_TRUE(of_another_epoch->page.stale);
  EXPECT_TRUE(of_another_epoch->changes.empty());
  position.next += 1'000'000'000'000;
  EXPECT_TRUE(Ask<AccessChanges>(log.Ask(position))->page.stale) << "a position in the future";
  const auto anew = Ask<AccessChanges>(log.Ask(LogQuery{.since = clock_.Now()}));
  EXPECT_EQ(anew->changes.size(), 2u) << "listed from the given time";
  EXPECT_TRUE(Ask<AccessChanges>(log.Ask(LogQuery{.since = {clock_.Now().micros + 1'000'000}}))
                  ->changes.empty());
}

// Proves: revocation
TEST_P(StoreContract, RevocationsAreListedFromAPosition) {
  const auto read = [this](LogQuery query) {
    return *Ask<RevocationList>(
        [&](auto& on, auto done) { store_->ListRevocations(query, on, std::move(done)); });
  };
  const auto revoke = [this](const std::string& jti) {
    const auto made = Ask<Revocation>([&](auto& on, auto done) {
      store_->Revoke({.jti = jti}, Timestamp{0}, on, std::move(done));
    });
    EXPECT_GE(made->made_at, clock_.Now());
    clock_.Advance(std::chrono::seconds(1));
  };
  const Timestamp start = clock_.Now();
  revoke("one");
  const StorePosition position = read({}).page.position;
  revoke("two");
  const auto all = read({}), later = read({.from = position});
  ASSERT_EQ(all.revocations.size(), 2u);
  EXPECT_EQ(all.revocations[0].jti, "one");
  EXPECT_LT(all.revocations[0].made_at, all.revocations[1].made_at);
  ASSERT_EQ(later.revocations.size(), 1u);
  EXPECT_EQ(later.revocations[0].jti, "two");
  EXPECT_TRUE(read({.from = later.page.position}).revocations.empty());
  const auto recent = read({.since = {start.micros + 1'000'000}});
  ASSERT_EQ(recent.revocations.size(), 1u) << "expired revocations are not listed";
  EXPECT_EQ(recent.revocations[0].jti, "two");
}

TEST_P(StoreContract, TheFirstReadOfManyRevocationsIsPaged) {
  for (int i = 0; i < 25; ++i) {
    ASSERT_TRUE(Ask<Revocation>([&](auto& on, auto done) {
      store_->Revoke({.jti = "t" + std::to_string(i)}, Timestamp{0}, on, std::move(done));
    }));
  }
  LogFollower follower({.every = std::chrono::seconds(2), .page_rows = 10}, clock_.Now(), 1);
  const auto revoked = RoundOf(
      follower, clock_.Steady(), clock_,
      [](const RevocationList& page) { return page.revocations; },
      [&](const LogQuery& query) {
        return Ask<RevocationList>(
            [&](auto& on, auto done) { store_->ListRevocations(query, on, std::move(done)); });
      });
  ASSERT_EQ(revoked.size(), 25u);
  EXPECT_EQ(revoked.back().jti, "t24");
}

}  // namespace
}  // namespace parley::test
