// Links to files that work without a header, for <img src>: the reader, how long the link is good, and
// a signature over both and the file. Whoever has a link has what its reader has: access is checked
// again when it is opened, so a link never outlives it.
//
// Threads: any. The key is the store's, so a link of one node works on all.
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
  // `ttl`: how long a link is good; 0: links are not signed, and none is accepted.
  FileLinks(std::string key, Duration ttl, const Clock& clock)
      : key_(Key::Secret("HS256", std::move(key))), ttl_(ttl), clock_(clock) {}

  struct Reader {
    UserId user;
    bool service = false;
  };
  // Makes the attachment's file_url one for this reader. It is the same for a quarter of `ttl`, and good
  // for the last three at least.
  void Sign(Attachment& attachment, const Reader& reader) const;

  // Whom the query of a request for the file was signed for. Errors: not_authenticated (it was
  // changed, or its time is over).
  Result<Reader> Verify(const Request& request, const Uuid& attachment) const;
  static bool IsSigned(const Request& request) { return request.Query("signature").has_value(); }

 private:
  // What is signed.
  static std::string TextOf(const Uuid& attachment, const Reader& reader, std::string_view until);

  const Key key_;
  const Duration ttl_;
  const Clock& clock_;
};

}  // namespace parley
