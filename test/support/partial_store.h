// A store that knows nothing: a model derives from it and overrides what its test needs. What it
// does not override fails the call, so that no test passes on a silent answer.
#pragma once
#include "store/store.h"

namespace parley::test {

class PartialStore : public Store {
 public:
  void CreateConversation(NewConversation, Executor& on,
                          Answer<CreatedConversation> done) override {
    Refuse(on, std::move(done));
  }
  void Apply(ChangeRequest, Executor& on, Answer<AppliedChange> done) override {
    Refuse(on, std::move(done));
  }
  void DeleteConversation(Uuid, UserId, bool, Executor& on, Answer<void> done) override {
    Refuse(on, std::move(done));
  }
  void MarkRead(Uuid, UserId, int64_t, Executor& on, Answer<ReadMarks> done) override {
    Refuse(on, std::move(done));
  }
  void MarkMessagesRead(UserId, std::vector<Uuid>, std::optional<Uuid>, Executor& on,
                        Answer<ReadMarks> done) override {
    Refuse(on, std::move(done));
  }
  void NoteDelivered(const Uuid&, int64_t, int64_t) override {}
  void Revoke(Revocation, Timestamp, Executor& on, Answer<Revocation> done) override {
    Refuse(on, std::move(done));
  }
  void ListAccessChanges(LogQuery, Executor& on, Answer<AccessChanges> done) override {
    Refuse(on, std::move(done));
  }
  void ListChangedHeads(LogQuery, Executor& on, Answer<ChangedHeads> done) override {
    Refuse(on, std::move(done));
  }
  void ListHeads(std::vector<Uuid>, Executor& on,
                 Answer<std::vector<UserConversationHead>> done) override {
    Refuse(on, std::move(done));
  }
  void ListRevocations(LogQuery, Executor& on, Answer<RevocationList> done) override {
    Refuse(on, std::move(done));
  }
  void AddAttachment(NewAttachment, AttachmentLimits, Executor& on,
                     Answer<StoredAttachment> done) override {
    Refuse(on, std::move(done));
  }
  void RemoveAttachment(Uuid, UserId, Executor& on, Answer<void> done) override {
    Refuse(on, std::move(done));
  }
  void ExpireAttachments(Timestamp, Executor& on, Answer<int64_t> done) override {
    Refuse(on, std::move(done));
  }
  void ForgetFiles(std::vector<Uuid>, Executor& on, Answer<void> done) override {
    Refuse(on, std::move(done));
  }
  void ReadAttachment(Uuid, UserId, bool, Executor& on, Answer<FoundAttachment> done) override {
    Refuse(on, std::move(done));
  }
  void ListRemovedFiles(int, Executor& on, Answer<std::vector<Uuid>> done) override {
    Refuse(on, std::move(done));
  }
  void NoteSeen(const UserId&, Timestamp) override {}
  void ListSeen(UserId, bool, std::vector<UserId>, Executor& on,
                Answer<std::vector<Seen>> done) override {
    Refuse(on, std::move(done));
  }
  void FindTask(std::string, UserId, bool, Executor& on, Answer<Uuid> done) override {
    Refuse(on, std::move(done));
  }
  void LoadHeads(std::vector<Uuid>, size_t, Executor& on,
                 Answer<std::vector<LoadedHead>> done) override {
    Refuse(on, std::move(done));
  }
  void ListMembers(Uuid, UserId, bool, int, std::optional<MemberCursor>, Executor& on,
                   Answer<PageOfMembers> done) override {
    Refuse(on, std::move(done));
  }
  void ReadConversation(Uuid, UserId, bool, Executor& on, Answer<ConversationView> done) override {
    Refuse(on, std::move(done));
  }
  void ListConversations(UserId, int, std::optional<ConversationCursor>, Executor& on,
                         Answer<PageOfConversations> done) override {
    Refuse(on, std::move(done));
  }
  void CountUnread(UserId, std::optional<Uuid>, Executor& on, Answer<int64_t> done) override {
    Refuse(on, std::move(done));
  }
  void ReadHistory(HistoryQuery, Executor& on, Answer<PageOfMessages> done) override {
    Refuse(on, std::move(done));
  }
  void ReadMessage(Uuid, UserId, bool, Executor& on, Answer<Message> done) override {
    Refuse(on, std::move(done));
  }
  void ListUserHeads(UserId, std::optional<int64_t>, Executor& on,
                     Answer<UserConversations> done) override {
    Refuse(on, std::move(done));
  }
  Uuid Identity() const override { return {}; }
  std::string FileKey() const override { return "key"; }
  bool Ready() const override { return true; }
  StoreStats Stats() const override { return {}; }
  void Close() override {}

 private:
  template <class T>
  static void Refuse(Executor& on, Answer<T> done) {
    on.Post([done = std::move(done)]() mutable {
      done(Fail(ErrorCode::internal, "This model of a store does not know that call."));
    });
  }
};

}  // namespace parley::test
