// SqlStore: durable changes besides sends. Each is one transaction: it reads the current state, checks the
// actor's permission, takes the next seq, applies the change, and adds a row to parley_change.
#include <algorithm>

#include "domain/permissions.h"
#include "store/sql_work.h"

namespace parley {
namespace {

class ChangeWrite final : public WriteOf<AppliedChange> {
 public:
  ChangeWrite(ChangeRequest request, const ConversationVersions* versions, Executor& on,
              parley::Answer<AppliedChange> done, Now now)
      : WriteOf(on, std::move(done)),
        request_(std::move(request)),
        versions_(versions),
        now_(std::move(now)) {}

  size_t bytes() const override {
    const auto* edit = std::get_if<EditMessage>(&request_.verb);
    return 1024 + (edit == nullptr ? 0 : edit->content.size());
  }

  std::optional<Uuid> conversation() const override { return request_.conversation; }

  void Apply(SqlSession& session) override {
    BeginChange(versions_, request_.conversation, ConversationVersions::Part::kMessagesAndMembers);
    result_ = LookUp(session)
                  ? std::visit([&](auto& verb) { return Do(session, verb); }, request_.verb)
                  : Result<AppliedChange>(Fail(Error::NotFound()));
    if (result_) result_->epoch = session.Epoch();
  }

 private:
  using Outcome = Result<AppliedChange>;

  // Reads the conversation's type and the actor's role; returns false if the actor cannot see it.
  bool LookUp(SqlSession& session) {
    Statement& row = session.Prepare(queries::kTypeAndRole)
                         .Bind(1, request_.conversation)
                         .Bind(2, request_.actor);
    if (!row.Step()) return false;
    type_ = ParseConversationType(row.Text(0)).value_or(ConversationType::kGroup);
    role_.reset();
    if (!row.IsNull(1)) role_ = static_cast<Role>(row.Int(1));
    row.Run();
    return role_ || request_.as_service;
  }

  // In a taken-over conversation, which may have no owner, admins act as owners.
  void ActAsOwner(SqlSession& session) {
    if (role_ == Role::kAdmin && !HasOwner(session, request_.conversation)) role_ = Role::kOwner;
  }
  bool May(Action action) const {
    return request_.as_service || parley::May(action, type_, *role_, request_.as_guide);
  }
  static Outcome Forbidden(const char* why) { return Fail(ErrorCode::forbidden, why); }

  // --- messages

  Outcome Do(SqlSession& session, const EditMessage& edit) {
    auto message = FindMessage(session, edit.message);
    if (!message || message->deleted_at) return Fail(Error::NotFound());
    if (message->sender_id != request_.actor)
      return Forbidden("Only the sender can edit a message.");
    if (message->content_type == "system" && !request_.as_service) {
      return Forbidden("System messages cannot be edited.");
    }
    const std::string& metadata = edit.metadata ? *edit.metadata : message->metadata;
    if (message->content == edit.content && message->metadata == metadata) {
      return Unchanged(ChangeKind::kMessageUpdated, std::move(*message));
    }
    const Timestamp now = now_();
    const int64_t seq = TakeSeq(session, Action::edit_message, now);
    if (seq == 0) return Fail(Error::NotFound());
    session.Prepare(queries::kEditMessage)
        .Bind(1, request_.conversation)
        .Bind(2, message->seq)
        .Bind(3, edit.content)
        .Bind(4, metadata)
        .Bind(5, now.micros)
        .Run();
    message->content = edit.content;
    message->metadata = metadata;
    message->edited_at = now;
    return Note(session, seq, ChangeKind::kMessageUpdated, std::move(*message));
  }

  Outcome Do(SqlSession& session, const DeleteMessage& wanted) {
    auto message = FindMessage(session, wanted.message);
    if (!message) return Fail(Error::NotFound());
    const bool own = message->sender_id == request_.actor;
    if (!own && !May(Action::delete_others_message)) {
      return Forbidden("Only the sender or an admin can delete a message.");
    }
    if (message->deleted_at) return Unchanged(ChangeKind::kMessageDeleted, std::move(*message));
    const Timestamp now = now_();
    const int64_t seq =
        TakeSeq(session, own ? Action::edit_message : Action::delete_others_message, now);
    if (seq == 0) return Fail(Error::NotFound());
    session.Prepare(queries::kDeleteMessage)
        .Bind(1, request_.conversation)
        .Bind(2, message->seq)
        .Bind(3, now.micros)
        .Run();
    DropAttachmentsOf(session, message->id);
    message->content.clear();
    message->attachments.clear();
    message->metadata = "{}";
    message->client_id.reset();
    message->deleted_at = now;
    return Note(session, seq, ChangeKind::kMessageDeleted, std::move(*message));
  }

  Outcome Do(SqlSession& session, const AttachFile& file) {
    auto message = FindMessage(session, file.message);
    if (!message || message->deleted_at) return Fail(Error::NotFound());
    if (message->sender_id != request_.actor) {
      return Forbidden("Only the sender can attach a file to a message.");
    }
    if (std::ranges::find(message->attachments, file.attachment, &Attachment::id) !=
        message->attachments.end()) {
      return Unchanged(ChangeKind::kMessageUpdated, std::move(*message));
    }
    if (message->attachments.size() >= file.at_most) {
      return Fail(Error::Field("message_id",
                               "This message already has the maximum number of attachments."));
    }
    auto attachments = FindUnattached(session, {&file.attachment, 1}, request_.actor);
    if (!attachments) return Fail(Error::NotFound());
    const int64_t seq = TakeSeq(session, Action::edit_message, now_());
    if (seq == 0) return Fail(Error::NotFound());
    const size_t place = message->attachments.size();
    Attach(session, *attachments, request_.conversation, message->id, place);
    message->attachments.push_back(std::move(attachments->front()));
    CountAttachments(session, *message);
    return Note(session, seq, ChangeKind::kMessageUpdated, std::move(*message));
  }

  Outcome Do(SqlSession& session, const RemoveFile& file) {
    auto message = FindMessage(session, file.message);
    if (!message) return Fail(Error::NotFound());
    const auto at = std::ranges::find(message->attachments, file.attachment, &Attachment::id);
    if (at == message->attachments.end()) return Fail(Error::NotFound());
    if (at->uploaded_by != request_.actor && !request_.as_service) {
      return Forbidden("Only the uploader can delete an attachment.");
    }
    const int64_t seq = TakeSeq(session, Action::edit_message, now_());
    if (seq == 0) return Fail(Error::NotFound());
    DropAttachment(session, file.attachment);
    message->attachments.erase(at);
    CountAttachments(session, *message);
    return Note(session, seq, ChangeKind::kMessageUpdated, std::move(*message));
  }

  std::optional<Message> FindMessage(SqlSession& session, const Uuid& id) {
    Statement& row = session.Prepare(queries::kMessage).Bind(1, id);
    if (!row.Step()) return std::nullopt;
    Message message = MessageFrom(row);
    row.Run();
    if (message.conversation_id != request_.conversation) return std::nullopt;
    FillAttachments(session, {&message, 1});
    return message;
  }

  static Outcome Unchanged(ChangeKind kind, Message message) {
    return AppliedChange{.change = {.kind = kind, .message = std::move(message)}};
  }

  Outcome Note(SqlSession& session, int64_t seq, ChangeKind kind, Message message) {
    InsertChange(session, seq, kind, message.seq);
    return AppliedChange{.change = {.seq = seq, .kind = kind, .message = std::move(message)}};
  }

  // --- the conversation

  Outcome Do(SqlSession& session, const UpdateDetails& update) {
    if (update.set_title && !May(Action::update_title)) {
      return Forbidden("Your role does not permit changing the title.");
    }
    if (update.metadata && !May(Action::update_metadata)) {
      return Forbidden("Your role does not permit changing the metadata.");
    }
    const auto before = FindConversation(session, request_.conversation);
    const bool same = (!update.set_title || before->title == update.title) &&
                      (!update.metadata || before->metadata == *update.metadata);
    if (same) return Updated(session, 0);
    const int64_t seq =
        TakeSeq(session, update.metadata ? Action::update_metadata : Action::update_title, now_());
    if (seq == 0) return Fail(Error::NotFound());
    if (update.set_title) {
      session.Prepare(queries::kSetTitle)
          .Bind(1, request_.conversation)
          .Bind(2, update.title)
          .Run();
    }
    if (update.metadata) {
      session.Prepare(queries::kSetMetadata)
          .Bind(1, request_.conversation)
          .Bind(2, *update.metadata)
          .Run();
    }
    return Updated(session, seq);
  }

  Outcome Do(SqlSession& session, const AddParticipant& add) {
    if (type_ == ConversationType::kDirect) return DirectIsFull();
    if (!May(Action::add_participant))
      return Forbidden("Your role does not permit adding participants.");
    if (RoleOf(session, add.user)) return Updated(session, 0);
    const auto before = FindConversation(session, request_.conversation);
    if (before->participant_count >= add.at_most) {
      return Fail(Error::Field("user_id", "A conversation can have at most " +
                                              std::to_string(add.at_most) + " participants."));
    }
    if (!CheckUsers(session, {&add.user, 1})) return Fail(Error::UnknownUser());
    const Timestamp now = now_();
    const int64_t seq = TakeSeq(session, Action::add_participant, now);
    if (seq == 0) return Fail(Error::NotFound());
    BeginJoins(versions_, {&add.user, 1});
    session.Prepare(queries::kAddParticipant)
        .Bind(1, request_.conversation)
        .Bind(2, add.user)
        .Bind(3, now.micros)
        .Bind(4, seq)
        .Run();
    if (before->participant_count == 0) SetRoleOf(session, add.user, Role::kOwner);
    Count(session, +1);
    LogAccess(session, AccessChange::Kind::kJoined, request_.conversation, {&add.user, 1}, now);
    Outcome outcome = Updated(session, seq);
    outcome->added = add.user;
    return outcome;
  }

  Outcome Do(SqlSession& session, const RemoveParticipant& remove) {
    if (type_ == ConversationType::kDirect) return DirectIsFull();
    const bool leaving = remove.user == request_.actor;
    const auto role = RoleOf(session, remove.user);
    if (!leaving && !May(Action::remove_participant)) {
      return Forbidden("Your role does not permit removing other participants.");
    }
    if (!leaving && role == Role::kOwner) return Forbidden("The owner cannot be removed.");
    if (!role) {
      Outcome outcome = Updated(session, 0);
      outcome->removed = remove.user;
      return outcome;
    }
    const Timestamp now = now_();
    const int64_t seq = TakeSeq(session, leaving ? Action::leave : Action::remove_participant, now);
    if (seq == 0) return Fail(Error::NotFound());
    session.Prepare(queries::kRemoveParticipant)
        .Bind(1, request_.conversation)
        .Bind(2, remove.user)
        .Run();
    Count(session, -1);
    LogAccess(session, AccessChange::Kind::kRemoved, request_.conversation, {&remove.user, 1}, now);
    if (role == Role::kOwner) {
      Statement& heir = session.Prepare(queries::kHeir).Bind(1, request_.conversation);
      if (heir.Step()) {
        const UserId next(heir.Text(0));
        heir.Run();
        SetRoleOf(session, next, Role::kOwner);
      }
    }
    Outcome outcome = Updated(session, seq);
    outcome->removed = remove.user;
    return outcome;
  }

  Outcome Do(SqlSession& session, const SetRole& set) {
    if (type_ == ConversationType::kDirect) {
      return Fail(ErrorCode::bad_request, "A direct conversation has no roles.");
    }
    ActAsOwner(session);
    if (!May(Action::set_role)) return Forbidden("Only the owner can set roles.");
    const auto before = RoleOf(session, set.user);
    if (!before) {
      return Fail(Error::Field("user_id", "Is not a participant of this conversation."));
    }
    if (*before == set.role) return Updated(session, 0);
    if (*before == Role::kOwner) {
      return Fail(
          Error::Field("role", "To change the owner's role, make another participant the owner."));
    }
    const int64_t seq = TakeSeq(session, Action::set_role, now_());
    if (seq == 0) return Fail(Error::NotFound());
    if (set.role == Role::kOwner) {
      // First the old owner loses the role: owner is the highest role.
      Statement& owner = session.Prepare(queries::kHeir).Bind(1, request_.conversation);
      std::optional<UserId> old;
      if (owner.Step()) old = UserId(owner.Text(0));
      owner.Run();
      if (old && RoleOf(session, *old) == Role::kOwner) SetRoleOf(session, *old, Role::kAdmin);
    }
    SetRoleOf(session, set.user, set.role);
    return Updated(session, seq);
  }

  static Outcome DirectIsFull() {
    return Fail(ErrorCode::bad_request, "A direct conversation has exactly two participants.");
  }

  std::optional<Role> RoleOf(SqlSession& session, const UserId& user) {
    Statement& row = session.Prepare(queries::kRoleOf).Bind(1, request_.conversation).Bind(2, user);
    if (!row.Step()) return std::nullopt;
    const Role role = static_cast<Role>(row.Int(0));
    row.Run();
    return role;
  }

  void SetRoleOf(SqlSession& session, const UserId& user, Role role) {
    session.Prepare(queries::kSetRole)
        .Bind(1, request_.conversation)
        .Bind(2, user)
        .Bind(3, static_cast<int64_t>(role))
        .Run();
  }

  void Count(SqlSession& session, int64_t more) {
    session.Prepare(queries::kCountParticipants).Bind(1, request_.conversation).Bind(2, more).Run();
  }

  // Returns the conversation's current state; seq 0 means no change.
  Outcome Updated(SqlSession& session, int64_t seq) {
    if (seq != 0) InsertChange(session, seq, ChangeKind::kConversationUpdated, std::nullopt);
    auto now = FindConversation(session, request_.conversation);
    return AppliedChange{
        .change = {.seq = seq,
                   .kind = ChangeKind::kConversationUpdated,
                   .conversation = std::make_shared<const Conversation>(std::move(*now))}};
  }

  // --- seqs

  // Returns 0 if the actor has lost the permission.
  int64_t TakeSeq(SqlSession& session, Action action, Timestamp now) {
    Statement& take = session.Prepare(request_.as_service ? queries::kTakeChangeSeqAsService
                                                          : queries::kTakeChangeSeq);
    take.Bind(1, request_.conversation).Bind(2, session.Position(now));
    if (!request_.as_service) {
      // An admin who acts as owner has a lower role in the table.
      const Role least = action == Action::set_role
                             ? Role::kAdmin
                             : LeastRole(action, type_, request_.as_guide).value_or(Role::kOwner);
      take.Bind(3, request_.actor).Bind(4, static_cast<int64_t>(least));
    }
    return NumberFrom(take);
  }

  void InsertChange(SqlSession& session, int64_t seq, ChangeKind kind,
                    std::optional<int64_t> message_seq) {
    session.Prepare(queries::kInsertChange)
        .Bind(1, request_.conversation)
        .Bind(2, seq)
        .Bind(3, static_cast<int64_t>(kind))
        .Bind(4, message_seq)
        .Run();
  }

  ChangeRequest request_;
  const ConversationVersions* versions_;
  Now now_;
  ConversationType type_ = ConversationType::kGroup;
  std::optional<Role> role_;
};

}  // namespace

void SqlStore::Apply(ChangeRequest request, Executor& on, Answer<AppliedChange> done) {
  commits_.Submit(std::make_unique<ChangeWrite>(std::move(request), versions_.get(), on,
                                                std::move(done), [this] { return NextTime(); }));
}

}  // namespace parley
