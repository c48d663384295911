#include "feature/attachments/download.h"

#include <algorithm>

#include "base/ask.h"
#include "base/hex.h"
#include "feature/attachments/file_rules.h"
#include "http/range.h"

namespace parley {
namespace {

// Bytes per read.
constexpr int64_t kPieceBytes = 64 * 1024;

class BlobSource final : public BodySource {
 public:
  BlobSource(BlobStore& blobs, Executor& on, const Attachment& attachment, ByteRange range,
             UniqueFunction<Task<bool>()> may_read)
      : blobs_(blobs),
        on_(on),
        id_(attachment.id),
        media_path_(attachment.media_path),
        range_(range),
        next_(range.first),
        may_read_(std::move(may_read)) {}

  int64_t size() const override { return range_.size; }

  Task<Result<std::string>> Next() override {
    const int64_t left = range_.first + range_.size - next_;
    const int64_t piece = std::min(left, kPieceBytes);
    const int64_t from = std::exchange(next_, next_ + piece);
    if (!media_path_.empty()) {
      auto reading =
          Ask(on_, blobs_, &BlobStore::ReadMedia, media_path_, from, static_cast<size_t>(piece));
      co_return co_await reading;
    }
    auto reading = Ask(on_, blobs_, &BlobStore::Read, id_, from, static_cast<size_t>(piece));
    co_return co_await reading;
  }

  Task<bool> StillAllowed() override { return may_read_(); }

 private:
  BlobStore& blobs_;
  Executor& on_;
  const Uuid id_;
  const std::string media_path_;
  const ByteRange range_;
  int64_t next_;
  UniqueFunction<Task<bool>()> may_read_;
};

// A strong entity tag (RFC 9110 §8.8.3): equal bytes have equal tags.
std::string TagOf(const ContentDigest& digest) {
  return '"' + HexOf(std::span(digest).first(16)) + '"';
}

}  // namespace

Response Download(const Request& request, const Attachment& attachment, BlobStore& blobs,
                  Executor& on, bool by_link, UniqueFunction<Task<bool>()> may_read) {
  // A file of another system has no digest: its row never changes.
  const std::string tag = attachment.media_path.empty() ? TagOf(attachment.digest)
                                                        : "\"" + attachment.id.ToString() + "\"";
  const int64_t size = attachment.file_size;
  // Another system may have stored any type that a client sent, such as one that browsers run as a script.
  const bool known = IsTakenType(attachment.content_type);
  // Cached by the browser only, and revalidated for each use, because access can be revoked.
  Response response{
      .content_type = known ? attachment.content_type : "application/octet-stream",
      .headers = {
          {"ETag", tag}, {"Cache-Control", "private, no-cache"}, {"Accept-Ranges", "bytes"}}};
  if (NamesTag(request.HeaderList("If-None-Match"), tag)) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  ByteRange range{0, size};
  const bool same = !request.HasHeader("If-Range") || request.Header("If-Range") == tag;
  if (request.method() == "GET" && same) {
    const RangeAnswer asked = FindRange(request.Header("Range"), size);
    if (asked.kind == RangeKind::kUnsatisfiable) {
      Response refusal = Response::Problem({.code = ErrorCode::range_not_satisfiable,
                                            .detail = "The requested range is outside the file."});
      refusal.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
      return refusal;
    }
    if (asked.kind == RangeKind::kPart) {
      range = asked.range;
      response.status = 206;
      response.headers.emplace_back("Content-Range",
                                    "bytes " + std::to_string(range.first) + "-" +
                                        std::to_string(range.first + range.size - 1) + "/" +
                                        std::to_string(size));
    }
  }
  response.headers.emplace_back("Content-Disposition", DispositionOf(attachment.filename));
  response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; sandbox");
  response.headers.emplace_back("Cross-Origin-Resource-Policy",
                                by_link ? "cross-origin" : "same-site");
  response.source = std::make_shared<BlobSource>(blobs, on, attachment, range, std::move(may_read));
  return response;
}

}  // namespace parley
