// Attachments: files of messages. A file is uploaded first and private to its uploader; a send or the
// upload itself attaches it to a message; then the conversation's participants can read it. It is deleted
// with the message.
#pragma once
#include <memory>

#include "feature/feature.h"

namespace parley {

struct AttachmentOptions {
  int64_t concurrent_uploads = 0;  // on this node
  int64_t concurrent_uploads_per_user = 0;
  Duration unattached_kept{};  // lifetime of a file that no message uses
};

std::unique_ptr<Feature> MakeAttachments(NodeServices node, AttachmentOptions options);

}  // namespace parley
