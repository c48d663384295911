// What nodes learn from the store: who may see what, and how far conversations have come.
#include <algorithm>
#include <map>

#include "test/contract/store_contract.h"

namespace parley::test {
namespace {

using Kind = AccessChange::Kind;

class Log {
 public:
  explicit Log(Store& store) : store_(store) {}
  auto Ask(int64_t position) {
    return [this, position](Executor& on, Answer<AccessChanges> done) {
      store_.ListAccessChanges(position, on, std::move(done));
    };
  }

 private:
  Store& store_;
};

TEST_P(StoreContract, WhoComesAndGoesIsToldFromAPositionOn) {
  Log log(*store_);
  const Uuid before = Room({"ann"});
  const int64_t position = Ask<AccessChanges>(log.Ask(INT64_MAX))->position;
  const Uuid room = Room({"ann", "bob"});
  ASSERT_TRUE(Apply(room, "ann", AddParticipant{"cho"}));
  ASSERT_TRUE(Apply(room, "ann", RemoveParticipant{"bob"}));
  ASSERT_TRUE(Delete(room, "ann"));

  auto read = Ask<AccessChanges>(log.Ask(position));
  ASSERT_TRUE(read);
  std::erase_if(read->changes, [&](const AccessChange& one) { return one.conversation == before; });
  ASSERT_EQ(read->changes.size(), 4u);
  for (const AccessChange& one : read->changes) EXPECT_EQ(one.conversation, room);
  EXPECT_EQ(read->changes[0].kind, Kind::kJoined);
  EXPECT_EQ(read->changes[0].users, (std::vector<UserId>{"ann", "bob"}));
  EXPECT_EQ(read->changes[1].kind, Kind::kJoined);
  EXPECT_EQ(read->changes[1].users, std::vector<UserId>{"cho"});
  EXPECT_EQ(read->changes[2].kind, Kind::kParted);
  EXPECT_EQ(read->changes[2].users, std::vector<UserId>{"bob"});
  EXPECT_EQ(read->changes[3].kind, Kind::kDeleted);
  EXPECT_TRUE(read->changes[3].users.empty());
  EXPECT_TRUE(std::ranges::is_sorted(read->changes, {}, &AccessChange::id));
  EXPECT_GT(read->position, position);
}

TEST_P(StoreContract, WhatChangesNoAccessIsNotTold) {
  Log log(*store_);
  const Uuid room = Room({"ann", "bob"});
  const int64_t position = Ask<AccessChanges>(log.Ask(INT64_MAX))->position;
  ASSERT_TRUE(Apply(room, "ann", AddParticipant{"bob"}));     // is in it
  ASSERT_TRUE(Apply(room, "ann", RemoveParticipant{"eve"}));  // is not
  EXPECT_FALSE(Apply(room, "bob", RemoveParticipant{"ann"}));
  ASSERT_TRUE(Insert(Text(room, "ann")));
  const auto read = Ask<AccessChanges>(log.Ask(position));
  for (const AccessChange& one : read->changes) EXPECT_EQ(one.kind, Kind::kJoined);
}

TEST_P(StoreContract, ManyUsersComeInPieces) {
  Log log(*store_);
  const int64_t position = Ask<AccessChanges>(log.Ask(INT64_MAX))->position;
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

TEST_P(StoreContract, HeadsOfManyAreReadAtOnceAndTheMissingAreLeftOut) {
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

TEST_P(StoreContract, EveryAnswerNamesTheSameEpochOfTheStore) {
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
  const auto changes = Ask<ChangesSince>(
      [&](auto& on, auto done) { store_->ReadChanges(room, 0, 10, on, std::move(done)); });
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
  EXPECT_EQ(Ask<AccessChanges>(Log(*store_).Ask(INT64_MAX))->epoch, epoch);
  EXPECT_EQ(Ask<RevocationList>([&](auto& on, auto done) {
              store_->ListRevocations(0, on, std::move(done));
            })->epoch,
            epoch);
  Reopen();
  EXPECT_EQ(Insert(Text(room, "ann"))->epoch, epoch);
}

TEST_P(StoreContract, RevocationsAreReadFromAPositionOn) {
  const auto read = [this](int64_t position) {
    return Ask<RevocationList>(
        [&](auto& on, auto done) { store_->ListRevocations(position, on, std::move(done)); });
  };
  const auto revoke = [this](const std::string& jti) {
    return Ask<Revocation>([&](auto& on, auto done) {
      store_->Revoke({.jti = jti}, Timestamp{0}, on, std::move(done));
    });
  };
  ASSERT_TRUE(revoke("one"));
  const int64_t position = read(0)->position;
  ASSERT_TRUE(revoke("two"));
  const auto all = read(0), later = read(position);
  ASSERT_EQ(all->revocations.size(), 2u);
  EXPECT_EQ(all->revocations[0].jti, "one");
  ASSERT_FALSE(later->revocations.empty());
  EXPECT_EQ(later->revocations.back().jti, "two");
  EXPECT_TRUE(std::ranges::none_of(read(later->position)->revocations,
                                   [](const Revocation& one) { return one.jti == "one"; }));
}

}  // namespace
}  // namespace parley::test
