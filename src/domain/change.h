// Durable changes besides sending: what is asked for, and what a replay tells of them.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "domain/conversation.h"
#include "domain/message.h"

namespace parley {

// What a seq stands for. The numbers are stored.
enum class ChangeKind {
  kMessage = 0,  // created
  kMessageUpdated = 1,
  kMessageDeleted = 2,
  kConversationUpdated = 3,  // title, metadata, participants, roles
};

// One durable change, with the state as it is now.
struct Change {
  int64_t seq = 0;
  ChangeKind kind = ChangeKind::kMessage;
  Message message;                                   // of the message kinds
  std::shared_ptr<const Conversation> conversation;  // of kConversationUpdated
};

// --- what is asked for; text is checked and trimmed

struct EditMessage {
  Uuid message;
  std::string content;
  std::optional<std::string> metadata;  // none: as it is
};
struct DeleteMessage {
  Uuid message;
};
// Of the actor's own message: a file of theirs that belongs to no message yet, and back to nothing.
struct AttachFile {
  Uuid message;
  Uuid attachment;
  size_t at_most = 10;  // attachments of the message, this one included
};
struct RemoveFile {
  Uuid message;
  Uuid attachment;
};
struct UpdateDetails {
  bool set_title = false;
  std::optional<std::string> title = {};  // none, where set_title: no title any more
  std::optional<std::string> metadata = {};
};
struct AddParticipant {
  UserId user;
  int64_t at_most = 100'000;  // participants of the conversation, this one included
};
struct RemoveParticipant {
  UserId user;  // the actor: leaving
};
struct SetRole {
  UserId user;
  Role role = Role::kMember;
};
using ChangeVerb = std::variant<EditMessage, DeleteMessage, AttachFile, RemoveFile, UpdateDetails,
                                AddParticipant, RemoveParticipant, SetRole>;

struct ChangeRequest {
  Uuid conversation;
  UserId actor;
  bool as_service = false;  // permissions are not asked
  ChangeVerb verb;
};

// What it came to. A change whose effect was there already takes no seq: change.seq is 0.
struct AppliedChange {
  Change change;  // message or conversation set, whatever seq is
  std::optional<UserId> added;
  std::optional<UserId> removed;  // set too where they had gone before
  uint64_t epoch = 0;             // of the store that took it: see SqlSession::Epoch
};

}  // namespace parley
