#include "feature/attachments/attachments_service.h"

#include <algorithm>

#include "base/ask.h"
#include "base/log.h"
#include "feature/changes.h"

namespace parley {

Task<Result<StoredAttachment>> AttachmentsService::Store(Uuid id, UploadedFile file,
                                                         std::optional<std::string> client_id,
                                                         Caller caller) {
  std::optional<Uuid> message;
  if (file.message_id) {
    message = Uuid::Parse(*file.message_id);
    if (!message) {
      auto removing = RemoveFile(id);
      co_await removing;
      co_return Fail(Error::Field("message_id", "Must be a UUID."));
    }
  }
  NewAttachment wanted{.attachment = {.id = id,
                                      .filename = std::move(file.filename),
                                      .content_type = std::move(file.content_type),
                                      .file_size = file.size,
                                      .uploaded_by = caller.user,
                                      .digest = file.digest},
                       .client_id = std::move(client_id)};
  const AttachmentLimits limits{
      .unattached = static_cast<int64_t>(services_.limits.unattached_attachments),
      .bytes = services_.limits.attachment_bytes_per_user};
  auto adding = Ask(services_.executor, services_.store, &AttachmentStore::AddAttachment,
                    std::move(wanted), limits);
  Result<StoredAttachment> stored = co_await adding;
  // After an unknown outcome the file is kept; the next start checks whether it is needed.
  if (stored ? stored->duplicate : stored.error().code != ErrorCode::outcome_unknown) {
    auto removing = RemoveFile(id);
    co_await removing;
  }
  if (!stored) co_return stored;
  if (!stored->duplicate) {
    auto keeping = Ask(services_.executor, blobs_, &BlobStore::Keep, id);
    // If this fails, the next start moves the file; until then it is read from here.
    co_await keeping;
  }
  if (!message) co_return stored;
  auto attaching = AttachTo(*message, stored->attachment, std::move(caller));
  Result<Attachment> attached = co_await attaching;
  if (!attached) co_return Fail(attached.error());
  stored->attachment = std::move(*attached);
  co_return stored;
}

Task<Result<Attachment>> AttachmentsService::AttachTo(Uuid message, Attachment attachment,
                                                      Caller caller) {
  auto reading = Ask(services_.executor, services_.store, &MessageStore::ReadMessage, message,
                     caller.user, caller.service);
  const Result<Message> found = co_await reading;
  Error error = found ? Error() : found.error();
  if (found) {
    AttachFile verb{.message = message,
                    .attachment = attachment.id,
                    .at_most = services_.limits.attachments_per_message};
    auto applying = ApplyChange(services_, found->conversation_id, caller, verb);
    const Result<AppliedChange> applied = co_await applying;
    if (applied) {
      attachment.message_id = message;
      co_return attachment;
    }
    error = applied.error();
  }
  auto removing = RemoveUnattached(attachment.id, attachment.uploaded_by);
  co_await removing;
  co_return Fail(std::move(error));
}

Task<Result<FoundAttachment>> AttachmentsService::Find(Uuid id, Caller caller) {
  auto finding = Ask(services_.executor, services_.store, &AttachmentStore::ReadAttachment, id,
                     caller.user, caller.service);
  co_return co_await finding;
}

Task<Result<void>> AttachmentsService::Remove(FoundAttachment found, Caller caller) {
  const Attachment& attachment = found.attachment;
  if (attachment.uploaded_by != caller.user && !caller.service) {
    co_return Fail(ErrorCode::forbidden, "Only the uploader can delete an attachment.");
  }
  if (!found.conversation_id) {
    auto removing = RemoveUnattached(attachment.id, attachment.uploaded_by);
    co_return co_await removing;
  }
  ::parley::RemoveFile verb{.message = *attachment.message_id, .attachment = attachment.id};
  auto applying = ApplyChange(services_, *found.conversation_id, std::move(caller), verb);
  const Result<AppliedChange> applied = co_await applying;
  if (!applied) co_return Fail(applied.error());
  co_return Result<void>();
}

Task<Result<void>> AttachmentsService::RemoveUnattached(Uuid id, UserId uploader) {
  auto removing = Ask(services_.executor, services_.store, &AttachmentStore::RemoveAttachment, id,
                      std::move(uploader));
  co_return co_await removing;
}

Task<void> AttachmentsService::RemoveFile(Uuid id) {
  auto removing = Ask(services_.executor, blobs_, &BlobStore::Remove, std::vector<Uuid>(1, id));
  co_await removing;
}

}  // namespace parley
