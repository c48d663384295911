// Attachments: files of messages. Uploaded first, private to their uploader, then named by a send or
// attached to a message; readable by the conversation's participants; gone with the message.
#pragma once
#include "blob/blob_store.h"
#include "feature/attachments/upload.h"
#include "feature/services.h"

namespace parley {

// Both outlive the registry's rows.
void RegisterAttachments(Registry& registry, Services& services, BlobStore& blobs,
                         UploadSlots& slots);

}  // namespace parley
