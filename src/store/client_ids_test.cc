#include "store/client_ids.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_backup.h"
#include "store/sqlite/sqlite_session.h"
#include "test/contract/store_contract.h"

namespace parley {
namespace {

constexpr Query kAddConversation{
    "add_conversation",
    "INSERT INTO messaging_conversation (id, created_at, changed) VALUES (?1, 1, 1)"};
constexpr Query kDelete{"delete", "UPDATE messaging_conversation SET deleted_at = 5 WHERE id = ?1"};
constexpr Query kAddMessage{
    "add_message",
    "INSERT INTO messaging_message (id, conversation_id, seq, sender_id, content, sent_at, "
    "client_id) VALUES (?1, ?2, ?3, 'ann', 'hello', 1, ?4)"};
constexpr Query kRows{"rows", "SELECT count(*) FROM parley_client_id"};

int64_t RowsIn(SqlSession& session) {
  Statement& row = session.Prepare(kRows);
  row.Step();
  const int64_t rows = row.Int(0);
  row.Run();
  return rows;
}

class ClientIdsTest : public testing::Test {
 protected:
  static constexpr ClientIds::Limits kSmall{.together = 4, .most_new = 8};

  ClientIdsTest() {
    MigrateSqlite(session_, clock_);
    session_.Prepare(kAddConversation).Bind(1, room_).Run();
    Open();
  }
  void Open() {
    ids_.emplace(session_, [this] { ++has_work_; }, kSmall);
  }
  int64_t HashOf(const std::string& client_id) { return ids_->HashOf(room_, "ann", client_id); }
  std::vector<int64_t> Find(const std::string& client_id) {
    return ids_->Find(session_, room_, HashOf(client_id));
  }
  // Stores a message with the next seq.
  void Send(const std::string& client_id, const Uuid& id) {
    session_.Prepare(kAddMessage)
        .Bind(1, id)
        .Bind(2, room_)
        .Bind(3, ++seq_)
        .Bind(4, client_id)
        .Run();
    ids_->Add(session_, id, room_, HashOf(client_id), seq_);
  }
  void Send(const std::string& client_id) { Send(client_id, generator_.Next()); }
  void Send(int count) {
    for (int i = 0; i < count; ++i) Send("c" + std::to_string(seq_ + 1));
  }
  void WriteAll() {
    while (ids_->HasWork()) {
      ids_->WriteSome(session_, 3);
      ids_->Settle(true);
    }
  }
  int64_t Rows() { return RowsIn(session_); }
  void ExpectAllFound() {
    for (int64_t seq = 1; seq <= seq_; ++seq) {
      const auto found = Find("c" + std::to_string(seq));
      ASSERT_FALSE(found.empty()) << seq;
      EXPECT_EQ(found.front(), seq);
    }
  }

  SystemClock clock_;
  UuidGenerator generator_{clock_};
  test::ScratchDirectory directory_;
  SqliteSession session_{directory_.path() / "test.db", SqliteSession::Mode::kWriter, false};
  const Uuid room_ = generator_.Next();
  int64_t seq_ = 0;
  int has_work_ = 0;
  std::optional<ClientIds> ids_;
};

TEST_F(ClientIdsTest, NewClientIdsAreWrittenTogether) {
  Send(3);
  EXPECT_FALSE(ids_->HasWork());
  Send(2);
  EXPECT_EQ(Rows(), 0);
  ExpectAllFound();
  EXPECT_TRUE(ids_->HasWork());
  EXPECT_EQ(has_work_, 1);
  ids_->WriteSome(session_, 3);
  ids_->Settle(true);
  EXPECT_EQ(Rows(), 3);
  Send(1);
  ExpectAllFound();
  WriteAll();
  EXPECT_EQ(Rows(), 5);
  ExpectAllFound();
  EXPECT_TRUE(Find("other").empty());
}

TEST_F(ClientIdsTest, ATransactionThatIsRolledBackIsWrittenAgain) {
  Send(5);
  session_.Begin();
  ids_->WriteSome(session_, 100);
  session_.Rollback();
  ids_->Settle(false);
  EXPECT_EQ(Rows(), 0);
  ExpectAllFound();
  WriteAll();
  EXPECT_EQ(Rows(), 5);
}

TEST_F(ClientIdsTest, AfterACrashAllAreFound) {
  Send(5);
  ids_->WriteSome(session_, 2);
  ids_->Settle(true);
  Send(2);
  Open();
  ExpectAllFound();
  WriteAll();
  Send(2);
  Open();
  EXPECT_EQ(Rows(), 7);
  ExpectAllFound();
}

TEST_F(ClientIdsTest, AMessageIdOfAnEarlierTimeIsWrittenAtOnce) {
  const Uuid early = generator_.Next();
  Send(4);
  WriteAll();
  Send("c5", early);
  EXPECT_EQ(Rows(), 5);
  Open();
  ExpectAllFound();
}

TEST_F(ClientIdsTest, ThoseBeyondTheLimitAreWrittenAtOnce) {
  Send(12);
  EXPECT_EQ(Rows(), 4);
  ExpectAllFound();
  WriteAll();
  EXPECT_EQ(Rows(), 12);
}

TEST_F(ClientIdsTest, ThoseOfADeletedConversationAreDropped) {
  Send(4);
  session_.Prepare(kDelete).Bind(1, room_).Run();
  WriteAll();
  EXPECT_EQ(Rows(), 0);
}

// A server that reads them all at its start would keep them in memory.
TEST_F(ClientIdsTest, ARestoredCopyOfADatabaseWithoutRowsHasThem) {
  const std::filesystem::path file = directory_.path() / "copy.db";
  UseSqlite(file, clock_, [&](SqlSession& copy) {
    copy.Prepare(kAddConversation).Bind(1, room_).Run();
    for (int64_t seq = 1; seq <= 20; ++seq) {
      const std::string client_id = "c" + std::to_string(seq);
      copy.Prepare(kAddMessage)
          .Bind(1, generator_.Next())
          .Bind(2, room_)
          .Bind(3, seq)
          .Bind(4, client_id)
          .Run();
    }
    EXPECT_EQ(RowsIn(copy), 0);
  });
  PrepareRestored(file, clock_);
  SqliteSession restored(file, SqliteSession::Mode::kWriter, false);
  EXPECT_EQ(RowsIn(restored), 20);
  const ClientIds ids(restored, [] {}, kSmall);
  EXPECT_FALSE(ids.HasWork());
}

TEST_F(ClientIdsTest, HashesTellConversationsSendersAndClientIdsApart) {
  const Uuid other = generator_.Next();
  EXPECT_NE(ids_->HashOf(room_, "ann", "c"), ids_->HashOf(other, "ann", "c"));
  EXPECT_NE(ids_->HashOf(room_, "ann", "c"), ids_->HashOf(room_, "annc", ""));
  EXPECT_NE(ids_->HashOf(room_, "ann", "c"), ids_->HashOf(room_, "an", "nc"));
}

}  // namespace
}  // namespace parley
