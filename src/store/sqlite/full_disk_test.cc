// A disk that fills up: nothing is stored in part, reads continue, and writes continue when there is space
// again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "store/sqlite/open_sqlite.h"
#include "test/contract/store_contract.h"
#include "test/support/small_disk.h"

namespace parley {
namespace {

using test::CopyAsAKillLeavesIt;
using test::ScratchDirectory;
using test::SmallDisk;
using test::WaitingExecutor;

// While it lives, no file of this process may grow past the size: write(2) fails with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::min(bytes, before_.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class FullDiskTest : public testing::Test {
 protected:
  void Open(const std::filesystem::path& directory) {
    directory_ = directory;
    store_.reset();
    store_ = OpenSqliteStore({.directory = directory}, clock_);
  }

  template <class T, class Start>
  Result<T> Ask(Start start) {
    std::optional<Result<T>> answer;
    start(Answer<T>([&](Result<T> given) { answer.emplace(std::move(given)); }));
    if (on_.RunUntil([&] { return answer.has_value(); })) return std::move(*answer);
    return Fail(ErrorCode::internal, "No answer came.");
  }
  void MakeRoom() {
    ASSERT_TRUE(Ask<CreatedConversation>([&](Answer<CreatedConversation> done) {
      store_->CreateConversation({.id = room_, .creator = "ann", .participants = {"ann"}}, on_,
                                 std::move(done));
    }));
  }
  NewMessage Message(size_t bytes) {
    return {.id = ids_.Next(),
            .conversation_id = room_,
            .sender_id = "ann",
            .content = std::string(bytes, 'x')};
  }
  Result<StoredMessage> Send(size_t bytes) {
    return Ask<StoredMessage>([&](Answer<StoredMessage> done) {
      store_->InsertMessage(Message(bytes), on_, std::move(done));
    });
  }
  // Returns the stored seqs; fails the test and returns none if reading fails.
  std::vector<int64_t> Stored() {
    std::vector<int64_t> seqs;
    const auto changes = Ask<ChangesSince>([&](Answer<ChangesSince> done) {
      store_->ReadChanges(room_, 0, 1'000'000, SIZE_MAX, on_, std::move(done));
    });
    EXPECT_TRUE(changes);
    if (!changes) return seqs;
    for (const Change& change : changes->changes) seqs.push_back(change.seq);
    return seqs;
  }
  // Sends until the store refuses; true when it did, having acked `acked_`.
  bool FillUp() {
    for (int i = 0; i < 10'000; ++i) {
      const auto stored = Send(20'000);
      if (stored) {
        acked_.push_back(stored->message.seq);
        continue;
      }
      EXPECT_EQ(stored.error().code, ErrorCode::store_unavailable) << stored.error().detail;
      EXPECT_TRUE(stored.error().retry_after);
      return true;
    }
    return false;
  }
  // A batch of many writes, with no room for any.
  void SendManyInVain() {
    constexpr int kWrites = 40;
    int refused = 0;
    for (int i = 0; i < kWrites; ++i) {
      store_->InsertMessage(Message(20'000), on_, [&](Result<StoredMessage> given) {
        ASSERT_FALSE(given);
        EXPECT_EQ(given.error().code, ErrorCode::store_unavailable);
        ++refused;
      });
    }
    EXPECT_TRUE(on_.RunUntil([&] { return refused == kWrites; }));
  }
  // Small writes of upkeep may still find room, and then the store is ready until it next refuses.
  bool IsUnreadyOnceItRefuses() {
    for (int i = 0; i < 100 && store_->Ready(); ++i) EXPECT_FALSE(Send(20'000));
    return !store_->Ready();
  }
  // The promises while it is full, and after `make_room`.
  void TellTheStory(const std::function<void()>& make_room) {
    ASSERT_TRUE(FillUp()) << "it never became full";
    ASSERT_FALSE(acked_.empty());
    EXPECT_TRUE(IsUnreadyOnceItRefuses());
    SendManyInVain();
    EXPECT_EQ(Stored(), acked_) << "reads continue; no rejected write was stored";

    make_room();
    const auto after = Send(20'000);
    ASSERT_TRUE(after) << after.error().detail;
    acked_.push_back(after->message.seq);
    EXPECT_EQ(after->message.seq, static_cast<int64_t>(acked_.size())) << "no hole";
    EXPECT_TRUE(store_->Ready());
    EXPECT_EQ(Stored(), acked_);
    Open(directory_);
    EXPECT_EQ(Stored(), acked_);
  }

  ManualClock clock_;
  UuidGenerator ids_{clock_};
  WaitingExecutor on_;
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
  const Uuid room_{{0x11}};
  std::vector<int64_t> acked_;
};

TEST_F(FullDiskTest, AFileSizeLimitIsAnErrorAndTheStoreRecovers) {
  const ScratchDirectory directory;
  Open(directory.path());
  MakeRoom();
  auto limit = std::make_unique<FileSizeLimit>(1 << 20);
  TellTheStory([&] { limit.reset(); });
  store_.reset();
}

// Proves: P8 the store is the source of truth
TEST_F(FullDiskTest, AFullFileSystemIsAnErrorAndTheStoreRecovers) {
  const SmallDisk disk("3m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not permitted here";
  const std::filesystem::path ballast = disk.path() / "ballast";
  std::ofstream(ballast) << std::string(1 << 20, 'b');
  Open(disk.path() / "data");
  MakeRoom();
  TellTheStory([&] { std::filesystem::remove(ballast); });
  store_.reset();
}

TEST_F(FullDiskTest, OpeningOnAFullFileSystemNamesTheReason) {
  const SmallDisk disk("64k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not permitted here";
  EXPECT_THROW(Open(disk.path() / "data"), std::runtime_error);
}

TEST_F(FullDiskTest, AStoreThatFilledTheDiskReopensWithAllAckedWrites) {
  const SmallDisk disk("2m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not permitted here";
  Open(disk.path() / "data");
  MakeRoom();
  ASSERT_TRUE(FillUp());
  const ScratchDirectory elsewhere;
  CopyAsAKillLeavesIt(disk.path() / "data", elsewhere.path());
  store_.reset();
  Open(elsewhere.path());
  EXPECT_EQ(Stored(), acked_);
  EXPECT_TRUE(Send(1));
  store_.reset();
}

}  // namespace
}  // namespace parley
