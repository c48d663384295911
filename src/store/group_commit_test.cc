#include "store/group_commit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/contract/waiting_executor.h"

namespace parley {
namespace {

using test::WaitingExecutor;

// A door that the writer's thread stands at until the test opens it.
class Gate {
 public:
  void Shut() { Set(false); }
  void Open() { Set(true); }
  void Pass() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    moved_.notify_all();
    moved_.wait(lock, [this] { return open_; });
    waiting_ = false;
  }
  void AwaitSomebody() {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [this] { return waiting_; });
  }

 private:
  void Set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    moved_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable moved_;
  bool open_ = true;      // guarded by mutex_
  bool waiting_ = false;  // guarded by mutex_
};

// What the database would hold, as the names of the writes that were applied and committed.
struct Journal {
  Gate commits;
  std::vector<std::vector<std::string>> batches;  // committed
  std::vector<std::string> applied;               // since Begin
  std::function<void(const std::vector<std::string>&)> fail_commit;
  std::function<SqlSession::Outcome()> outcome;
  int rollbacks = 0;
};

class FakeSession final : public SqlSession {
 public:
  explicit FakeSession(Journal& journal) : journal_(journal) {}
  Statement& Prepare(const Query&) override { std::abort(); }
  void Execute(const std::string& name) override { journal_.applied.push_back(name); }
  void Begin() override { journal_.applied.clear(); }
  void BeginRead() override { std::abort(); }
  void Commit() override {
    journal_.commits.Pass();
    if (journal_.fail_commit) journal_.fail_commit(journal_.applied);
    journal_.batches.push_back(journal_.applied);
  }
  SqlSession::Outcome AskOutcome() override {
    return journal_.outcome ? journal_.outcome() : SqlSession::Outcome::kUnknown;
  }
  void Rollback() noexcept override { ++journal_.rollbacks; }

 private:
  Journal& journal_;
};

struct Outcome {
  std::string name;
  std::string error;  // "": committed
};

class NamedWrite final : public Write {
 public:
  NamedWrite(Executor& on, std::string name, std::vector<Outcome>& outcomes)
      : Write(on), name_(std::move(name)), outcomes_(outcomes) {}
  void Apply(SqlSession& session) override {
    if (name_.starts_with("bad")) throw StoreFailure("spoilt");
    if (name_.starts_with("refused")) throw StoreFailure("too long", StoreFailure::Kind::kRefused);
    if (name_.starts_with("locked")) throw StoreFailure("locked", StoreFailure::Kind::kLocked);
    session.Execute(name_);
  }
  size_t bytes() const override { return name_.starts_with("large") ? 3 * 1024 * 1024 : 256; }
  void Answer(const Error* failure) override {
    outcomes_.push_back({name_, failure ? std::string(Name(failure->code)) : ""});
  }

 private:
  std::string name_;
  std::vector<Outcome>& outcomes_;
};

class GroupCommitTest : public testing::Test {
 protected:
  void Submit(const std::string& name) { SubmitOn(on_, name, outcomes_); }
  void SubmitOn(Executor& on, const std::string& name, std::vector<Outcome>& outcomes) {
    commits_->Submit(std::make_unique<NamedWrite>(on, name, outcomes));
  }
  // Blocks the writer in the commit of a first write, so that later writes gather in a batch.
  void HoldTheWriter() {
    journal_.commits.Shut();
    Submit("first");
    journal_.commits.AwaitSomebody();
  }
  void Await(size_t answers) {
    ASSERT_TRUE(on_.RunUntil([&] { return outcomes_.size() >= answers; }));
  }
  // The outcomes as "name", or "name:error".
  std::vector<std::string> Outcomes() const {
    std::vector<std::string> out;
    for (const auto& [name, error] : outcomes_) {
      out.push_back(error.empty() ? name : name + ":" + error);
    }
    return out;
  }

  using Names = std::vector<std::string>;
  Journal journal_;
  WaitingExecutor on_;
  std::vector<Outcome> outcomes_;
  std::unique_ptr<GroupCommit> commits_ =
      std::make_unique<GroupCommit>(std::make_unique<FakeSession>(journal_), 10);
};

TEST_F(GroupCommitTest, WritesQueuedDuringACommitAreOneTransactionAndOnePost) {
  HoldTheWriter();
  for (const char* name : {"a", "b", "c"}) Submit(name);
  EXPECT_EQ(commits_->stats().queued_writes, 3u);
  journal_.commits.Open();
  Await(4);
  commits_->Close();
  EXPECT_EQ(journal_.batches, (std::vector<Names>{{"first"}, {"a", "b", "c"}}));
  EXPECT_EQ(Outcomes(), (Names{"first", "a", "b", "c"}));
  EXPECT_EQ(on_.posts(), 2u);
  EXPECT_EQ(commits_->stats().commits, 2u);
  EXPECT_EQ(commits_->stats().committed_writes, 4u);
}

// Proves: P1 durable
TEST_F(GroupCommitTest, NothingIsAnsweredBeforeItIsCommitted) {
  HoldTheWriter();
  EXPECT_EQ(on_.posts(), 0u);
  journal_.commits.Open();
  Await(1);
}

TEST_F(GroupCommitTest, EachExecutorGetsItsAnswersOfABatchInOnePost) {
  WaitingExecutor other;
  std::vector<Outcome> others;
  HoldTheWriter();
  Submit("a");
  SubmitOn(other, "b", others);
  Submit("c");
  SubmitOn(other, "d", others);
  journal_.commits.Open();
  Await(3);
  ASSERT_TRUE(other.RunUntil([&] { return others.size() == 2; }));
  EXPECT_EQ(Outcomes(), (Names{"first", "a", "c"}));
  EXPECT_EQ(others[0].name, "b");
  EXPECT_EQ(others[1].name, "d");
  EXPECT_EQ(other.posts(), 1u);
}

TEST_F(GroupCommitTest, OneFailedWriteDoesNotFailItsBatch) {
  HoldTheWriter();
  for (const char* name : {"a", "bad", "c"}) Submit(name);
  journal_.commits.Open();
  Await(4);
  commits_->Close();
  EXPECT_EQ(Outcomes(), (Names{"first", "bad:store_unavailable", "a", "c"}));
  EXPECT_EQ(journal_.batches, (std::vector<Names>{{"first"}, {"a", "c"}}));
  EXPECT_EQ(journal_.rollbacks, 1);
  EXPECT_TRUE(commits_->healthy()) << "the last write succeeded";
}

TEST_F(GroupCommitTest, AFailedCommitIsAnsweredAndTheNextMaySucceed) {
  journal_.fail_commit = [](const Names& names) {
    if (!names.empty() && names.front() == "a") throw StoreFailure("full");
  };
  Submit("a");
  Await(1);
  EXPECT_FALSE(commits_->healthy());
  Submit("b");
  Await(2);
  EXPECT_TRUE(commits_->healthy());
  EXPECT_EQ(Outcomes(), (Names{"a:store_unavailable", "b"}));
}

// Proves: P8 the store is the source of truth
TEST_F(GroupCommitTest, ABatchWhoseOutcomeIsUnknownIsNotAppliedAgain) {
  journal_.fail_commit = [](const Names& names) {
    if (names.empty() || names.front() == "a") {
      throw StoreFailure("connection lost", StoreFailure::Kind::kOutcomeUnknown);
    }
  };
  HoldTheWriter();
  Submit("a");
  Submit("b");
  journal_.commits.Open();
  Await(3);
  commits_->Close();
  EXPECT_EQ(Outcomes(), (Names{"first", "a:outcome_unknown", "b:outcome_unknown"}));
  EXPECT_EQ(journal_.batches, (std::vector<Names>{{"first"}}));
}

TEST_F(GroupCommitTest, ARejectedValueFailsItsWriteAndTheLaneStaysHealthy) {
  HoldTheWriter();
  for (const char* name : {"a", "refused", "c", "refused too", "e"}) Submit(name);
  journal_.commits.Open();
  Await(6);
  EXPECT_TRUE(commits_->healthy());
  commits_->Close();
  EXPECT_EQ(Outcomes(),
            (Names{"first", "refused:bad_request", "refused too:bad_request", "a", "c", "e"}));
  EXPECT_EQ(journal_.batches, (std::vector<Names>{{"first"}, {"a", "c", "e"}}));
}

TEST_F(GroupCommitTest, AWriteThatMeetsALockFailsAloneAndTheLaneStaysHealthy) {
  HoldTheWriter();
  for (const char* name : {"a", "locked", "c"}) Submit(name);
  journal_.commits.Open();
  Await(4);
  Submit("locked again");
  Await(5);
  EXPECT_TRUE(commits_->healthy()) << "the last write was rejected, so the store is available";
  commits_->Close();
  EXPECT_EQ(Outcomes(), (Names{"first", "locked:store_unavailable", "a", "c",
                               "locked again:store_unavailable"}));
}

TEST_F(GroupCommitTest, TheOutcomeOfALostCommitIsQueriedUntilItIsKnown) {
  int asked = 0;
  journal_.fail_commit = [](const Names& names) {
    if (names.empty() || names.front() != "c") {
      throw StoreFailure("connection lost", StoreFailure::Kind::kOutcomeUnknown);
    }
  };
  journal_.outcome = [&] {
    using enum SqlSession::Outcome;
    constexpr SqlSession::Outcome kAnswers[] = {kInProgress, kCommitted, kRolledBack};
    return kAnswers[asked++];
  };
  for (const char* name : {"a", "b", "c"}) {
    Submit(name);
    Await(outcomes_.size() + 1);
  }
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(Outcomes(), (Names{"a", "b:store_unavailable", "c"}));
}

TEST_F(GroupCommitTest, NoTransactionStartsWhileTheLastOutcomeIsInProgress) {
  std::atomic<bool> over = false;
  std::atomic<int> commits = 0;
  commits_ = std::make_unique<GroupCommit>(std::make_unique<FakeSession>(journal_), 1000, Upkeep(),
                                           std::chrono::milliseconds(300));
  journal_.fail_commit = [&](const Names&) {
    if (commits++ == 0) throw StoreFailure("lost", StoreFailure::Kind::kOutcomeUnknown);
  };
  journal_.outcome = [&] {
    return over ? SqlSession::Outcome::kUnknown : SqlSession::Outcome::kInProgress;
  };
  Submit("a");
  Submit("b");
  Await(outcomes_.size() + 1);
  if (outcomes_.size() < 2) Await(2);
  const auto by_name = [&](const std::string& name) {
    for (const Outcome& outcome : outcomes_) {
      if (outcome.name == name) return outcome.error;
    }
    return std::string("none");
  };
  EXPECT_EQ(by_name("a"), "outcome_unknown");
  EXPECT_FALSE(commits_->healthy());
  EXPECT_EQ(commits, 1);
  Submit("late");
  Await(3);
  EXPECT_EQ(by_name("late"), "store_unavailable") << "while the lane waits";
  EXPECT_EQ(commits, 1);
  over = true;
  for (int i = 0; by_name("again").empty() == false; ++i) {
    ASSERT_LT(i, 500);
    const size_t before = outcomes_.size();
    Submit(i == 0 ? "again" : "once more");
    Await(before + 1);
    if (outcomes_.back().error.empty()) break;
    std::this_thread::sleep_for(
        std::chrono::milliseconds(10));  // the lane asks a few times a second
  }
  EXPECT_TRUE(outcomes_.back().error.empty());
}

// Proves: P6 bounded memory
TEST_F(GroupCommitTest, AFullQueueRejectsByPostAndContinuesAfterwards) {
  HoldTheWriter();
  for (int i = 0; i < 10; ++i) Submit("w");
  EXPECT_EQ(on_.posts(), 0u);
  Submit("over");
  EXPECT_TRUE(outcomes_.empty()) << "not inside the call";
  Await(1);
  EXPECT_EQ(Outcomes(), (Names{"over:store_unavailable"}));
  EXPECT_EQ(commits_->stats().refused_writes, 1u);
  journal_.commits.Open();
  Await(12);
  Submit("late");
  Await(13);
  EXPECT_EQ(Outcomes().back(), "late");
}

TEST_F(GroupCommitTest, WritesFailAtOnceWhileTheStoreDoesNotRespond) {
  constexpr auto kStuckAfter = std::chrono::milliseconds(200);
  commits_ = std::make_unique<GroupCommit>(std::make_unique<FakeSession>(journal_), 1000, Upkeep(),
                                           kStuckAfter);
  HoldTheWriter();
  Submit("early");
  for (int i = 0; outcomes_.empty(); ++i) {
    ASSERT_LT(i, 500) << "no write was rejected";
    Submit("late");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    on_.RunWaiting();
  }
  EXPECT_EQ(Outcomes().front(), "late:store_unavailable");
  EXPECT_FALSE(commits_->healthy()) << "the lane is not healthy either";
  const size_t refused = outcomes_.size();
  journal_.fail_commit = [](const auto&) {
    throw StoreFailure("no answer", StoreFailure::Kind::kUnreachable);
  };
  journal_.commits.Open();
  Await(refused + 2);
  EXPECT_EQ(Outcomes()[refused], "first:store_unavailable");
  EXPECT_EQ(Outcomes()[refused + 1], "early:store_unavailable") << "not attempted separately";
  EXPECT_LE(journal_.rollbacks, 2)
      << "one for the first write, one for writes that were not overdue";
  journal_.fail_commit = nullptr;
  Submit("again");
  // Behind those that were still young when the store failed.
  for (size_t seen = outcomes_.size(); Outcomes().back() != "again"; ++seen) Await(seen + 1);
  EXPECT_TRUE(commits_->healthy());
}

TEST_F(GroupCommitTest, WritesAreAcceptedDuringTheUpkeepAfterASlowCommit) {
  constexpr auto kStuckAfter = std::chrono::milliseconds(200);
  Gate upkeep;
  upkeep.Shut();
  commits_ = std::make_unique<GroupCommit>(std::make_unique<FakeSession>(journal_), 1000,
                                           Upkeep{.piece =
                                                      [&](SqlSession&) {
                                                        upkeep.Pass();
                                                        return false;
                                                      }},
                                           kStuckAfter);
  journal_.fail_commit = [&](const Names& applied) {
    if (applied == Names{"slow"}) std::this_thread::sleep_for(2 * kStuckAfter);
  };
  HoldTheWriter();
  Submit("slow");
  commits_->WantUpkeep(std::chrono::milliseconds(0));
  journal_.commits.Open();
  Await(2);
  upkeep.AwaitSomebody();
  EXPECT_TRUE(commits_->healthy());
  Submit("next");
  upkeep.Open();
  Await(3);
  EXPECT_EQ(Outcomes(), (Names{"first", "slow", "next"}));
}

TEST_F(GroupCommitTest, CloseCommitsQueuedWritesAndRejectsLaterOnes) {
  HoldTheWriter();
  for (const char* name : {"a", "b"}) Submit(name);
  journal_.commits.Open();
  commits_->Close();
  Submit("late");
  commits_->Close();
  on_.RunWaiting();
  EXPECT_EQ(Outcomes(), (Names{"first", "a", "b", "late:store_unavailable"}));
}

// A batch is bounded, so that its last write need not wait for ever.
TEST_F(GroupCommitTest, ALargeBacklogIsCommittedInSeveralBatchesInOrder) {
  commits_ = std::make_unique<GroupCommit>(std::make_unique<FakeSession>(journal_), 5000);
  HoldTheWriter();
  for (int i = 0; i < 2000; ++i) Submit(std::to_string(i));
  journal_.commits.Open();
  Await(2001);
  commits_->Close();
  EXPECT_GT(journal_.batches.size(), 3u);
  for (size_t i = 0; i < 2000; ++i) ASSERT_EQ(outcomes_[i + 1].name, std::to_string(i));
}

TEST_F(GroupCommitTest, ABatchIsBoundedInBytes) {
  HoldTheWriter();
  for (const char* name : {"a", "large 1", "large 2", "large 3", "b"}) Submit(name);
  journal_.commits.Open();
  Await(6);
  commits_->Close();
  EXPECT_EQ(journal_.batches,
            (std::vector<Names>{{"first"}, {"a", "large 1"}, {"large 2"}, {"large 3", "b"}}));
}

}  // namespace
}  // namespace parley
