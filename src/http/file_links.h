// Signed file URLs that work without a header, for <img src>: the reader, the expiry, and a signature
// over both and the file. A link grants the access of its reader: access is checked again when the link
// is opened, so a link never outlives the reader's access. The key is in the store, so a link works on
// all nodes. Threads: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "auth/key.h"
#include "base/clock.h"
#include "domain/attachment.h"
#include "http/request.h"

namespace parley {

class FileLinks {
 public:
  // `ttl`: the lifetime of a link; 0: links are neither signed nor accepted.
  FileLinks(std::string key, Duration ttl, const Clock& clock)
      : key_(Key::Secret("HS256", std::move(key))), ttl_(ttl), clock_(clock) {}

  struct Reader {
    UserId user;
    bool service = false;
  };
  // Signs the attachment's file_url for this reader. The URL stays the same for a quarter of `ttl`, and is
  // valid for at least three quarters.
  void Sign(Attachment& attachment, const Reader& reader) const;

  // Returns the reader for whom the request's query was signed. Errors: not_authenticated (altered or
  // expired).
  Result<Reader> Verify(const Request& request, const Uuid& attachment) const;
  static bool IsSigned(const Request& request) { return request.Query("signature").has_value(); }

 private:
  // The signed text.
  static std::string TextOf(const Uuid& attachment, const Reader& reader, std::string_view until);

  const Key key_;
  const Duration ttl_;
  const Clock& clock_;
};

}  // namespace parley
