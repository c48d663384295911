// Operations on attachments whose files are on disk.
#pragma once
#include "blob/blob_store.h"
#include "feature/attachments/upload.h"
#include "feature/services.h"

namespace parley {

class AttachmentsService {
 public:
  AttachmentsService(Services& services, BlobStore& blobs) : services_(services), blobs_(blobs) {}

  // Stores the row of an uploaded file, and attaches it if its form has a message_id. A refused file is
  // removed. Errors: as AttachmentStore::AddAttachment; invalid_field (message_id); not_found, forbidden (not a
  // message of the caller).
  Task<Result<StoredAttachment>> Store(Uuid id, UploadedFile file,
                                       std::optional<std::string> client_id, Caller caller);
  // Errors: not_found.
  Task<Result<FoundAttachment>> Find(Uuid id, Caller caller);
  // Only for the uploader or a service; notifies the subscribers of its conversation. Errors: not_found,
  // forbidden.
  Task<Result<void>> Remove(FoundAttachment found, Caller caller);

 private:
  Task<Result<Attachment>> AttachTo(Uuid message, Attachment attachment, Caller caller);
  Task<Result<void>> RemoveUnattached(Uuid id, UserId uploader);
  Task<void> RemoveFile(Uuid id);

  Services& services_;
  BlobStore& blobs_;
};

}  // namespace parley
