// What happens to a file once it is on disk.
#pragma once
#include "blob/blob_store.h"
#include "feature/attachments/upload.h"
#include "feature/services.h"

namespace parley {

class AttachmentsService {
 public:
  AttachmentsService(Services& services, BlobStore& blobs) : services_(services), blobs_(blobs) {}

  // Writes an uploaded file down, and attaches it where its form says so. What is refused leaves
  // nothing. Errors: as Store::AddAttachment; invalid_field (message_id); not_found, forbidden (no
  // message of the caller's).
  Task<Result<StoredAttachment>> Store(Uuid id, UploadedFile file,
                                       std::optional<std::string> client_id, Caller caller);
  // Errors: not_found.
  Task<Result<FoundAttachment>> Find(Uuid id, Caller caller);
  // By its uploader, or a service; its message's listeners are told. Errors: not_found, forbidden.
  Task<Result<void>> Remove(FoundAttachment found, Caller caller);

 private:
  Task<Result<Attachment>> AttachTo(Uuid message, Attachment attachment, Caller caller);
  Task<Result<void>> RemoveUnattached(Uuid id, UserId uploader);
  Task<void> RemoveFile(Uuid id);

  Services& services_;
  BlobStore& blobs_;
};

}  // namespace parley
