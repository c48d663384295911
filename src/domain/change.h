// Durable changes other than sends: the requests, and the changes that a replay contains.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "domain/conversation.h"
#include "domain/message.h"

namespace parley {

// The kind of change that a seq numbers. The values are stored.
enum class ChangeKind {
  kMessage = 0,  // created
  kMessageUpdated = 1,
  kMessageDeleted = 2,
  kConversationUpdated = 3,  // title, metadata, participants, roles
  kRestored = 4,             // not an event: see kRestoredSeqs
};

// A store that is restored from a backup has lost the changes that followed the backup, and clients may have
// seen them. So that none of their seqs is assigned again, `parley restore` adds this number to the head of
// every conversation and records a kRestored change at the new head; its message_seq is the last seq that the
// backup has. Every resume from before the new head then receives a `gap` with `reset` over the range between.
inline constexpr int64_t kRestoredSeqs = 1'000'000'000;

// A durable change, with the current state of the message or conversation.
struct Change {
  int64_t seq = 0;
  ChangeKind kind = ChangeKind::kMessage;
  Message message;  // for the message kinds; of kRestored only the conversation and the seq
  std::shared_ptr<const Conversation> conversation;  // for kConversationUpdated
};

// --- requests; text is validated and trimmed

struct EditMessage {
  Uuid message;
  std::string content;
  std::optional<std::string> metadata;  // nullopt: unchanged
};
struct DeleteMessage {
  Uuid message;
};
// AttachFile attaches an unattached file of the actor to a message of the actor; RemoveFile deletes it.
struct AttachFile {
  Uuid message;
  Uuid attachment;
  size_t at_most = 10;  // maximum attachments of the message, including this one
};
struct RemoveFile {
  Uuid message;
  Uuid attachment;
};
struct UpdateDetails {
  bool set_title = false;
  std::optional<std::string> title = {};  // nullopt with set_title clears the title
  std::optional<std::string> metadata = {};
};
struct AddParticipant {
  UserId user;
  int64_t at_most = 100'000;  // maximum participants, including this one
};
struct RemoveParticipant {
  UserId user;  // the actor, to leave
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
  bool as_service = false;  // skip the permission check
  bool as_guide = false;    // check permissions as the guide's system (domain/permissions.h)
  ChangeVerb verb;
};

// The result of a change. A change without effect takes no seq: change.seq is 0.
struct AppliedChange {
  Change change;  // message or conversation is set, even if seq is 0
  std::optional<UserId> added;
  std::optional<UserId> removed;  // also set if the user had left before
  uint64_t epoch = 0;             // epoch of the store: see SqlSession::Epoch
};

}  // namespace parley
