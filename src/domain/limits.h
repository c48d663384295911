// Limits on client input. All are configurable; these are the defaults.
#pragma once
#include <cstddef>
#include <cstdint>

namespace parley {

struct Limits {
  size_t content_bytes = 32 * 1024;  // UTF-8, after trimming
  size_t metadata_bytes = 8 * 1024;  // as JSON text without white space
  size_t title_characters = 255;     // Unicode code points
  size_t client_id_characters = 64;  // also `ref`
  size_t content_type_characters = 20;
  size_t frame_bytes = 256 * 1024;  // a reassembled WebSocket message (--ws-max-size)
  size_t body_bytes = 1024 * 1024;  // a JSON body
  size_t header_bytes = 16 * 1024;  // request line and header section
  size_t token_bytes = 8 * 1024;
  size_t json_depth = 32;
  size_t unanswered_commands = 256;  // of one connection, which is not read beyond them
  size_t unanswered_bytes = 1024 * 1024;
  size_t participants = 100'000;   // per conversation
  size_t live_participants = 200;  // larger conversations have no live typing, presence or receipts
  size_t attachment_bytes = 10 * 1024 * 1024;  // per file
  size_t attachments_per_message = 10;
  size_t unattached_attachments = 100;  // per user
  int64_t attachment_bytes_per_user = int64_t{5}
                                      << 30;  // total size of all files; 0 means no limit
  int page_default = 50;
  int page_max = 100;
};

}  // namespace parley
