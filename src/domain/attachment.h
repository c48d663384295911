// A file that belongs to a message, or to nobody but its uploader until it does.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

// SHA-256 of a file's bytes.
using ContentDigest = std::array<uint8_t, 32>;

struct Attachment {
  Uuid id;
  std::string filename;  // for people: the stored file has the id for its name
  std::string content_type;
  int64_t file_size = 0;  // bytes
  UserId uploaded_by;
  Timestamp uploaded_at;
  std::optional<Uuid> message_id;
  std::string metadata = "{}";  // JSON text of an object
  ContentDigest digest{};
  std::string link_query =
      {};  // of its file_url in an answer to one reader; empty: the plain route
};

// Where its bytes are served; the `file_url` that clients are given. Thread-safe.
std::string ContentPath(const Uuid& attachment);
// The prefix of the API in those paths ("/api/messaging"). To be called before anything is served.
void SetContentPrefix(std::string prefix);

struct NewAttachment {
  Attachment attachment;                 // of no message yet
  std::optional<std::string> client_id;  // tells a repeat of this upload
};

// Of one user.
struct AttachmentLimits {
  int64_t unattached = 100;  // files that belong to no message
  int64_t bytes = 0;         // of all files; 0: no limit
};

// What an upload came to. For a repeat: the attachment as it was first stored.
struct StoredAttachment {
  Attachment attachment;
  bool duplicate = false;
};

}  // namespace parley
