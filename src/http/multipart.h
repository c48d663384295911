// multipart/form-data (RFC 7578, RFC 2046 §5.1), the reading side, without I/O: bytes to parts, in
// memory that does not grow with the body. Not thread-safe; no state but a parser's own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

// The boundary that a Content-Type header names: 1 to 70 characters of RFC 2046's set, not ending
// in a space. Errors: unsupported_media_type (not multipart/form-data), bad_request.
Result<std::string> MultipartBoundary(std::string_view content_type);

// What a part says of itself, as the client wrote it: nothing in it is to be trusted.
struct PartHeader {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;  // empty: none given
};

struct MultipartEvent {
  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed and no event is complete
    kPart,      // a part begins; header() describes it
    kData,      // payload: some of its content, never empty
    kPartEnd,
    kEnd,    // the closing delimiter; what follows it is swallowed
    kError,  // payload: what was wrong; later input is swallowed
  };
  Kind kind = Kind::kNeedMore;
  std::string_view payload;  // until the next call of Next, and no longer than the input lives
};

// Between calls it holds at most kMaxHeader bytes and a delimiter.
//
// Refused: a part with a header section over kMaxHeader bytes, without exactly one
// `Content-Disposition: form-data` that has a name, or with a NUL or a folded line in its header;
// more than `most_parts` parts; anything but white space between a delimiter and its line's end.
// `filename*` (RFC 8187, UTF-8) wins over `filename`, as in Django's parser; one that is not valid is
// ignored.
class MultipartParser {
 public:
  static constexpr size_t kMaxHeader = 4096;
  static constexpr size_t kMaxPadding = 64;  // white space after a delimiter
  static constexpr size_t kMaxParts = 8;

  // `boundary`: as MultipartBoundary gives it.
  explicit MultipartParser(std::string_view boundary, size_t most_parts = kMaxParts);

  // The next event of `input`, which is advanced past what was consumed and is empty when the
  // answer is kNeedMore.
  MultipartEvent Next(std::string_view& input);

  // Of the part under way.
  const PartHeader& header() const { return header_; }
  // Was the closing delimiter seen? A body that ends before was cut short.
  bool complete() const { return state_ == State::kEpilogue; }
  size_t held_bytes() const { return held_.size() + matched_; }

 private:
  enum class State : uint8_t { kPreamble, kDelimiter, kHeader, kContent, kEpilogue, kFailed };

  std::optional<MultipartEvent> ReadContent(std::string_view& input);
  std::optional<MultipartEvent> ReadDelimiterEnd(std::string_view& input);
  std::optional<MultipartEvent> ReadHeader(std::string_view& input);
  MultipartEvent Fail(std::string_view why);

  std::string delimiter_;  // CR LF, two hyphens, the boundary: its only CR is the first byte
  size_t matched_ = 0;     // bytes of the delimiter that the input ended with
  std::string held_;       // of a header section or a delimiter's end
  PartHeader header_;
  const size_t most_parts_;
  size_t parts_ = 0;
  State state_ = State::kPreamble;
};

}  // namespace parley
