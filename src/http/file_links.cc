#include "http/file_links.h"

#include <algorithm>
#include <charconv>

#include "auth/base64url.h"
#include "http/percent.h"

namespace parley {

std::string FileLinks::TextOf(const Uuid& attachment, const Reader& reader,
                              std::string_view until) {
  // The separating newline cannot occur in a part.
  std::string text = attachment.ToString();
  text.append("\n").append(reader.user).append("\n").append(until);
  text.append(reader.service ? "\nservice" : "\nuser");
  return text;
}

void FileLinks::Sign(Attachment& attachment, const Reader& reader) const {
  if (ttl_ <= Duration(0)) return;
  // Rounds the expiry, so that a link stays the same for some time and browsers can cache the file.
  const int64_t ttl = std::max<int64_t>(1, ttl_.count() / kMicrosPerSecond);
  const int64_t step = std::max<int64_t>(1, ttl / 4);
  const int64_t end = clock_.Now().micros / kMicrosPerSecond + ttl;
  const std::string until = std::to_string(end - end % step);
  attachment.link_query =
      "?reader=" + PercentEncode(reader.user) + (reader.service ? "&service=1" : "") +
      "&expires=" + until +
      "&signature=" + EncodeBase64Url(*key_.Sign(TextOf(attachment.id, reader, until)));
}

Result<FileLinks::Reader> FileLinks::Verify(const Request& request, const Uuid& attachment) const {
  const auto user = request.Query("reader"), until = request.Query("expires");
  const auto signature = request.Query("signature");
  int64_t seconds = 0;
  if (user && until && signature && ttl_ > Duration(0)) {
    const Reader reader{std::string(*user), request.Query("service") == "1"};
    const auto mac = DecodeBase64Url(*signature);
    const bool good = mac && key_.Verify(TextOf(attachment, reader, *until), *mac);
    std::from_chars(until->data(), until->data() + until->size(), seconds);
    if (good && clock_.Now().micros <= seconds * kMicrosPerSecond) return reader;
    if (good) return Fail(ErrorCode::not_authenticated, "The link has expired.");
  }
  return Fail(ErrorCode::not_authenticated, "The link's signature is invalid.");
}

}  // namespace parley
