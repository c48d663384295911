// An uploaded file. It is private to its uploader until it is attached to a message.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// The SHA-256 of a file's bytes.
using ContentDigest = std::array<uint8_t, 32>;

struct Attachment {
  Uuid id;
  std::string filename;  // for display; the stored file is named by its id
  std::string content_type;
  int64_t file_size = 0;  // bytes
  UserId uploaded_by;
  Timestamp uploaded_at;
  std::optional<Uuid> message_id;
  std::string metadata = "{}";  // JSON text of an object
  ContentDigest digest{};
  // The path under MEDIA_ROOT of a file that the Django system of a taken-over database stored, as the
  // database has it; empty for Parley's own files.
  std::string media_path = {};
  std::string link_query =
      {};  // query of the signed file_url for one reader; empty for the plain route
};

// The name of the file, relative to the directory of files; clients receive it as `file_path`.
std::string StoredName(const Uuid& attachment);
// The path of the content route, which clients receive as `file_url`. Threads: any.
std::string ContentPath(const Uuid& attachment);
// Sets the API prefix of these paths ("/api/messaging"). Must be called before serving starts.
void SetContentPrefix(std::string prefix);

struct NewAttachment {
  Attachment attachment;                 // not attached yet
  std::optional<std::string> client_id;  // identifies repeats of this upload
};

// Limits per user.
struct AttachmentLimits {
  int64_t unattached = 100;  // unattached files
  int64_t bytes = 0;         // total size of all files; 0 means no limit
};

// The result of an upload. For a repeat, the attachment as first stored.
struct StoredAttachment {
  Attachment attachment;
  bool duplicate = false;
};

}  // namespace parley
