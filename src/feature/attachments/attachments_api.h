// Attachments: files of messages. A file is uploaded first and private to its uploader; a send or the
// upload itself attaches it to a message; then the conversation's participants can read it. It is deleted
// with the message.
#pragma once
#include "blob/blob_store.h"
#include "feature/attachments/upload.h"
#include "feature/services.h"

namespace parley {

// `services` and `blobs` outlive the registry's rows.
void RegisterAttachments(Registry& registry, Services& services, BlobStore& blobs,
                         UploadSlots& slots);

}  // namespace parley
