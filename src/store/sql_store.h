// Implements Store in SQL, on any SqlSession: writes by group commit, reads from a pool.
#pragma once
#include <array>
#include <functional>
#include <memory>

#include "base/log.h"
#include "store/client_ids.h"
#include "store/commit_lanes.h"
#include "store/conversation_versions.h"
#include "store/deletion_cursor.h"
#include "store/delivered_buffer.h"
#include "store/last_seen_buffer.h"
#include "store/read_mark_buffer.h"
#include "store/read_stamp_buffer.h"
#include "store/reader_pool.h"
#include "store/store.h"

namespace parley {

struct SqlStoreOptions {
  size_t reader_threads = 2;
  size_t queue_writes = 10'000;
  std::string file_key = {};   // see StoreState::FileKey
  bool taken_over = false;     // see StoreState::IsTakenOver
  bool single_writer = false;  // no other process writes: see MessageStore::Versions, ClientIds
  std::shared_ptr<const WalFigures> wal = {};  // of an embedded database; may be null
};

class SqlStore final : public Store {
 public:
  // The database of `writers` has the newest schema. `open_reader` opens another connection for reading;
  // `held` (a lock) lives as long as the store.
  SqlStore(WriterSessions writers, const ReaderPool::Open& open_reader, const Uuid& identity,
           SqlStoreOptions options, const Clock& clock, std::shared_ptr<void> held);

  void InsertMessage(NewMessage message, Executor& on, Answer<StoredMessage> done) override;
  void CreateConversation(NewConversation conversation, Executor& on,
                          Answer<CreatedConversation> done) override;
  void Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) override;
  void Adopt(Uuid conversation, Executor& on, Answer<Adopted> done) override;
  void ListInbox(int limit, Executor& on, Answer<std::vector<Uuid>> done) override;
  void DeleteConversation(Uuid conversation, UserId actor, bool as_service, Executor& on,
                          Answer<void> done) override;
  void MarkRead(Uuid conversation, UserId reader, int64_t up_to_seq, Executor& on,
                Answer<ReadMarks> done) override;
  void MarkMessagesRead(UserId reader, std::vector<Uuid> messages, std::optional<Uuid> only,
                        Executor& on, Answer<ReadMarks> done) override;
  void NoteDelivered(const Uuid& conversation, int64_t first_seq, int64_t last_seq) override;
  void Revoke(Revocation revocation, Timestamp forget_before, Executor& on,
              Answer<Revocation> done) override;
  void ListRevocations(LogQuery query, Executor& on, Answer<RevocationList> done) override;
  void ListAccessChanges(LogQuery query, Executor& on, Answer<AccessChanges> done) override;
  void ListChangedHeads(LogQuery query, Executor& on, Answer<ChangedHeads> done) override;
  void ListHeads(std::vector<Uuid> conversations, Executor& on,
                 Answer<std::vector<UserConversationHead>> done) override;
  void NoteSeen(const UserId& user, Timestamp at) override;
  void ListSeen(UserId reader, bool as_service, std::vector<UserId> asked, Executor& on,
                Answer<std::vector<Seen>> done) override;
  void AddAttachment(NewAttachment attachment, AttachmentLimits limits, Executor& on,
                     Answer<StoredAttachment> done) override;
  void RemoveAttachment(Uuid attachment, UserId uploader, Executor& on, Answer<void> done) override;
  void ExpireAttachments(Timestamp uploaded_before, Executor& on, Answer<int64_t> done) override;
  void ForgetFiles(std::vector<Uuid> attachments, Executor& on, Answer<void> done) override;
  void ReadAttachment(Uuid attachment, UserId reader, bool as_service, Executor& on,
                      Answer<FoundAttachment> done) override;
  void ListRemovedFiles(int limit, Executor& on, Answer<std::vector<Uuid>> done) override;
  void FindTask(std::string task_id, UserId reader, bool as_service, Executor& on,
                Answer<Uuid> done) override;
  void ListMembers(Uuid conversation, UserId reader, bool as_service, int limit,
                   std::optional<MemberCursor> after, Executor& on,
                   Answer<PageOfMembers> done) override;
  void LoadHead(Uuid conversation, size_t participants_limit, Executor& on,
                Answer<ConversationHead> done) override;
  void LoadHeads(std::vector<Uuid> conversations, size_t participants_limit, Executor& on,
                 Answer<std::vector<LoadedHead>> done) override;
  void IsParticipant(Uuid conversation, UserId user, Executor& on, Answer<bool> done) override;
  void ReadConversation(Uuid conversation, UserId reader, bool as_service, Executor& on,
                        Answer<ConversationView> done) override;
  void ListConversations(UserId reader, int limit, std::optional<ConversationCursor> after,
                         Executor& on, Answer<PageOfConversations> done) override;
  void ListRows(UserId reader, int limit, std::optional<ConversationCursor> after, Executor& on,
                Answer<PageOfListed> done) override;
  void FindParts(UserId reader, ListParts wanted, Executor& on, Answer<FoundParts> done) override;
  void CountUnread(UserId reader, std::optional<Uuid> conversation, Executor& on,
                   Answer<int64_t> done) override;
  void ReadHistory(HistoryQuery query, Executor& on, Answer<PageOfMessages> done) override;
  const ConversationVersions* Versions() const override { return versions_.get(); }
  void ReadMessage(Uuid message, UserId reader, bool as_service, Executor& on,
                   Answer<Message> done) override;
  void ReadChanges(Uuid conversation, int64_t since, int limit, size_t max_bytes, Executor& on,
                   Answer<ChangesSince> done) override;
  void ListUserHeads(UserId user, std::optional<int64_t> since_cursor, Executor& on,
                     Answer<UserConversations> done) override;

  Uuid Identity() const override { return identity_; }
  std::string FileKey() const override { return file_key_; }
  bool IsTakenOver() const override { return taken_over_; }
  bool Ready() const override { return commits_.healthy(); }
  StoreStats Stats() const override;
  void Close() override;

 private:
  // Runs `read(session)` in one snapshot on a reader and posts its Result<T>.
  template <class T, class Read>
  void OnReader(Executor& on, Answer<T> done, Read read, ReadClass kind = ReadClass::kInteractive);
  // The read mark: the newer of the buffer's and the row's (`row`).
  int64_t MarkOf(const Uuid& conversation, const UserId& user, int64_t row) const;
  void ShowMarks(const Uuid& conversation, std::vector<Member>& members) const;
  // For a list: the members' marks, and the reader's unread counts after them. Returns the reader's marks
  // that are not in their rows yet.
  std::unordered_map<Uuid, int64_t> ShowMarks(SqlSession& session, const UserId& reader,
                                              std::span<ConversationView* const> listed) const;
  int64_t UnreadOfAll(SqlSession& session, const UserId& reader) const;
  // Returns false if the buffer is full or closed.
  bool MoveMark(const Uuid& conversation, const UserId& reader, int64_t from, int64_t to);

  // Upkeep, each kind of work in its own transactions, so that a failure of one kind does not block the
  // others. Threads: the upkeep lane (sql_upkeep.cc).
  enum class Chore : uint8_t {
    kReadMarks,
    kReadStamps,
    kDeliveries,
    kSeen,
    kDeletedRows,
    kOldRows,
    kClientIds,
  };
  static constexpr size_t kChores = 7;
  bool IsDue(Chore chore) const;
  std::optional<Chore> NextChore() const;
  void Do(Chore chore, SqlSession& session, size_t rows);
  bool DoUpkeep(SqlSession& session);
  void SettleUpkeep(bool committed);
  // Strictly increasing. Threads: the writers'.
  Timestamp NextTime();

  // Maximum entries of a buffer that one upkeep transaction writes; some are cheap.
  static constexpr size_t RowsAtOnce(Chore chore) {
    return chore == Chore::kReadMarks || chore == Chore::kClientIds ? 2'000 : 500;
  }
  static constexpr size_t kRowsAtClose = 5'000;
  std::shared_ptr<void> held_;
  const Clock& clock_;
  const Uuid identity_;
  const std::string file_key_;
  const std::shared_ptr<const WalFigures> wal_;  // may be null
  const bool taken_over_;
  const std::unique_ptr<ConversationVersions> versions_;  // null: with other writers
  const std::unique_ptr<ClientIds> client_ids_;           // null: a unique index finds them
  std::atomic<int64_t> last_time_;  // never before the last change, even if the clock went back
  Counter statements_, round_trips_;
  ReadMarkBuffer read_marks_;
  ReadStampBuffer read_stamps_;
  DeliveredBuffer deliveries_;
  LastSeenBuffer seen_;
  std::atomic<bool> has_deleted_rows_{true};  // possibly left by an earlier process
  std::atomic<bool> closing_{false};
  // Only for the upkeep lane:
  DeletionCursor deletions_;
  std::optional<Chore> doing_;                          // the work of the open transaction
  std::vector<ConversationVersions::Change> stamping_;  // of that work
  size_t last_chore_ = kChores - 1;
  std::array<size_t, kChores> rows_at_once_;  // fewer after a failure
  Monotonic next_forgetting_ = {};
  ReaderPool readers_;
  CommitLanes commits_;
};

// Runs `read` in one snapshot; again if the connection turns out to be closed.
template <class T, class Read>
Result<T> InSnapshot(SqlSession& session, const Read& read) {
  const auto since = std::chrono::steady_clock::now();
  for (int number = 1;; ++number) {
    try {
      session.BeginRead();
      Result<T> result = read(session);
      session.Commit();
      return result;
    } catch (const StoreFailure& error) {
      session.Rollback();
      const bool quick = std::chrono::steady_clock::now() - since < kQuickFailure;
      if (error.kind() == StoreFailure::Kind::kUnreachable && quick && number == 1) continue;
      log::error("read failed error={}", error.what());
      return Fail(ErrorOf(error.kind()));
    }
  }
}

template <class T, class Read>
void SqlStore::OnReader(Executor& on, Answer<T> done, Read read, ReadClass kind) {
  readers_.Submit(
      kind, [&on, done = std::move(done), read = std::move(read)](SqlSession* session) mutable {
        Result<T> result = Fail(Error::StoreUnavailable());
        if (session != nullptr) result = InSnapshot<T>(*session, read);
        on.Post([done = std::move(done), result = std::move(result)]() mutable {
          done(std::move(result));
        });
      });
}

}  // namespace parley
