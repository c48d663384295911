// SqlStore: deletes conversations. One small transaction makes a conversation invisible to all users; its
// rows are deleted later in small transactions, so that no send waits behind a million of them.
#include "domain/permissions.h"
#include "store/client_id_queries.h"
#include "store/sql_work.h"

namespace parley {
namespace {

constexpr int64_t kRowsAtOnce = 500;

class DeletionWrite final : public WriteOf<void> {
 public:
  DeletionWrite(const Uuid& conversation, UserId actor, bool as_service,
                const ConversationVersions* versions, Executor& on, parley::Answer<void> done,
                Now now)
      : WriteOf(on, std::move(done)),
        conversation_(conversation),
        actor_(std::move(actor)),
        as_service_(as_service),
        versions_(versions),
        now_(std::move(now)) {}

  std::optional<Uuid> conversation() const override { return conversation_; }

  void Apply(SqlSession& session) override {
    BeginChange(versions_, conversation_, ConversationVersions::Part::kMessagesAndMembers);
    result_ = Delete(session);
  }

 private:
  Result<void> Delete(SqlSession& session) {
    Statement& row = session.Prepare(queries::kTypeAndRole).Bind(1, conversation_).Bind(2, actor_);
    if (!row.Step()) return Fail(Error::NotFound());
    const auto type = ParseConversationType(row.Text(0)).value_or(ConversationType::kGroup);
    const bool inside = !row.IsNull(1);
    Role role = inside ? static_cast<Role>(row.Int(1)) : Role::kMember;
    row.Run();
    if (role == Role::kAdmin && !HasOwner(session, conversation_)) role = Role::kOwner;
    if (!inside && !as_service_) return Fail(Error::NotFound());
    if (!as_service_ && !May(Action::delete_conversation, type, role)) {
      return Fail(ErrorCode::forbidden, "Only the owner can delete a conversation.");
    }
    const Timestamp now = now_();
    session.Prepare(queries::kMarkDeleted)
        .Bind(1, conversation_)
        .Bind(2, now.micros)
        .Bind(3, session.Position(now))
        .Run();
    session.Prepare(queries::kRemoveParticipants).Bind(1, conversation_).Run();
    LogAccess(session, AccessChange::Kind::kDeleted, conversation_, {}, now);
    return {};
  }

  Uuid conversation_;
  UserId actor_;
  bool as_service_;
  const ConversationVersions* versions_;
  Now now_;
};

// Returns true if rows were deleted.
bool RemoveSome(SqlSession& session, const Query& query, const Uuid& conversation) {
  Statement& rows = session.Prepare(query).Bind(1, conversation).Bind(2, kRowsAtOnce);
  bool any = false;
  while (rows.Step()) any = true;
  return any;
}

}  // namespace

void SqlStore::DeleteConversation(Uuid conversation, UserId actor, bool as_service, Executor& on,
                                  Answer<void> done) {
  Answer<void> removing = [this, done = std::move(done)](Result<void> deleted) mutable {
    has_deleted_rows_ = true;
    commits_.WantUpkeep(kUpkeepSoon);
    done(std::move(deleted));
  };
  commits_.Submit(std::make_unique<DeletionWrite>(conversation, std::move(actor), as_service,
                                                  versions_.get(), on, std::move(removing),
                                                  [this] { return NextTime(); }));
}

bool RemoveDeletedRows(SqlSession& session, DeletionCursor& cursor, bool client_ids) {
  Statement& row = session.Prepare(queries::kFindDeleted).Bind(1, cursor.after().micros);
  if (!row.Step()) return cursor.Rewind();
  const Uuid conversation = row.Id(0);
  cursor.Begin({row.Int(1)});
  row.Run();
  if (DropAttachmentsIn(session, conversation, kRowsAtOnce)) return true;
  if (RemoveSome(session, queries::kRemoveMessages, conversation)) return true;
  if (RemoveSome(session, queries::kRemoveChanges, conversation)) return true;
  if (client_ids && RemoveSome(session, queries::kRemoveClientIds, conversation)) return true;
  if (session.IsTakenOver()) {
    session.Prepare(queries::kRemoveUnnumbered).Bind(1, conversation).Run();
    session.Prepare(queries::kRemoveParticipants).Bind(1, conversation).Run();
  }
  session.Prepare(queries::kRemoveConversation).Bind(1, conversation).Run();
  return true;
}

}  // namespace parley
