// A hub store whose calls fail: a test double derives from it and overrides the calls that its test
// needs, so that no test passes because of an empty answer.
#pragma once
#include "store/hub_store.h"

namespace parley::test {

class PartialHubStore : public HubStore {
 public:
  void InsertMessage(NewMessage, Executor& on, Answer<StoredMessage> done) override {
    Refuse(on, std::move(done));
  }
  void Apply(ChangeRequest, Executor& on, Answer<AppliedChange> done) override {
    Refuse(on, std::move(done));
  }
  void Adopt(Uuid, Executor& on, Answer<Adopted> done) override { Refuse(on, std::move(done)); }
  void DeleteConversation(Uuid, UserId, bool, Executor& on, Answer<void> done) override {
    Refuse(on, std::move(done));
  }
  void ReadChanges(Uuid, int64_t, int, size_t, Executor& on, Answer<ChangesSince> done) override {
    Refuse(on, std::move(done));
  }
  void LoadHead(Uuid, size_t, Executor& on, Answer<ConversationHead> done) override {
    Refuse(on, std::move(done));
  }
  void LoadHeads(std::vector<Uuid>, size_t, Executor& on,
                 Answer<std::vector<LoadedHead>> done) override {
    Refuse(on, std::move(done));
  }
  void ListHeads(std::vector<Uuid>, Executor& on,
                 Answer<std::vector<UserConversationHead>> done) override {
    Refuse(on, std::move(done));
  }
  void ListUserHeads(UserId, std::optional<int64_t>, Executor& on,
                     Answer<UserConversations> done) override {
    Refuse(on, std::move(done));
  }
  void IsParticipant(Uuid, UserId, Executor& on, Answer<bool> done) override {
    Refuse(on, std::move(done));
  }
  void ReadConversation(Uuid, UserId, bool, Executor& on, Answer<ConversationView> done) override {
    Refuse(on, std::move(done));
  }
  void NoteDelivered(const Uuid&, int64_t, int64_t) override {}
  void NoteSeen(const UserId&, Timestamp) override {}
  void ListSeen(UserId, bool, std::vector<UserId>, Executor& on,
                Answer<std::vector<Seen>> done) override {
    Refuse(on, std::move(done));
  }

 private:
  template <class T>
  static void Refuse(Executor& on, Answer<T> done) {
    on.Post([done = std::move(done)]() mutable {
      done(Fail(ErrorCode::internal, "This model of a store does not implement the call."));
    });
  }
};

}  // namespace parley::test
