// The rows of uploaded files. The files themselves are in a BlobStore.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/answer.h"
#include "base/executor.h"
#include "domain/attachment.h"

namespace parley {

struct FoundAttachment {
  Attachment attachment;
  std::optional<Uuid> conversation_id;  // of its message
};

// Threads and common errors: store/store.h.
class AttachmentStore {
 public:
  virtual ~AttachmentStore() = default;
  // Adds the row of a stored file. A repeat of (uploader, client_id) returns the first.
  // Errors: client_id_reused (for a different file), rate_limited (too many unattached files),
  // quota_exceeded.
  virtual void AddAttachment(NewAttachment attachment, AttachmentLimits limits, Executor& on,
                             Answer<StoredAttachment> done) = 0;
  // Removes an unattached file. Errors: not_found (also for another user's file).
  virtual void RemoveAttachment(Uuid attachment, UserId uploader, Executor& on,
                                Answer<void> done) = 0;
  // Removes some hundreds of the unattached files that were uploaded before; returns how many.
  virtual void ExpireAttachments(Timestamp uploaded_before, Executor& on, Answer<int64_t> done) = 0;
  // Errors: not_found: the attachment does not exist, or it is neither the reader's own nor in a
  // conversation of the reader (unless as_service).
  virtual void ReadAttachment(Uuid attachment, UserId reader, bool as_service, Executor& on,
                              Answer<FoundAttachment> done) = 0;
  // Lists files whose row was removed, alone or with its message: the caller deletes them from the
  // disk.
  virtual void ListRemovedFiles(int limit, Executor& on, Answer<std::vector<Uuid>> done) = 0;
  // The files are deleted: ListRemovedFiles no longer lists them.
  virtual void ForgetFiles(std::vector<Uuid> attachments, Executor& on, Answer<void> done) = 0;
};

}  // namespace parley
