// A parser for multipart/form-data (RFC 7578, RFC 2046 §5.1), with bounded memory and without I/O.
// Threads: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

// The boundary in a Content-Type header: 1 to 70 characters of RFC 2046's set, not ending in a space.
// Errors: unsupported_media_type (not multipart/form-data), bad_request.
Result<std::string> MultipartBoundary(std::string_view content_type);

// The header of a part, as sent by the client. Its values are not trustworthy.
struct PartHeader {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;  // empty if absent
};

struct MultipartEvent {
  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed and no event is complete
    kPart,      // a part begins; header() describes it
    kData,      // payload: some of its content, never empty
    kPartEnd,
    kEnd,    // the closing delimiter; later input is ignored
    kError,  // payload: the error; later input is ignored
  };
  Kind kind = Kind::kNeedMore;
  std::string_view payload;  // valid until the next call of Next, and while the input exists
};

// Buffers at most kMaxHeader bytes and a delimiter between calls.
//
// Errors: a part with a header section over kMaxHeader bytes, without exactly one
// `Content-Disposition: form-data` that has a name, or with a NUL or a folded line in its header;
// more than `most_parts` parts; other characters than white space after a delimiter on its line.
// `filename*` (RFC 8187, UTF-8) takes precedence over `filename`, as in Django's parser; an invalid one
// is ignored.
class MultipartParser {
 public:
  static constexpr size_t kMaxHeader = 4096;
  static constexpr size_t kMaxPadding = 64;  // white space after a delimiter
  static constexpr size_t kMaxParts = 8;

  // `boundary`: from MultipartBoundary.
  explicit MultipartParser(std::string_view boundary, size_t most_parts = kMaxParts);

  // Returns the next event and removes the consumed bytes from `input`, which is empty after kNeedMore.
  MultipartEvent Next(std::string_view& input);

  // The header of the current part.
  const PartHeader& header() const { return header_; }
  // Returns true after the closing delimiter. A body that ends before it is incomplete.
  bool complete() const { return state_ == State::kEpilogue; }
  size_t held_bytes() const { return held_.size() + matched_; }

 private:
  enum class State : uint8_t { kPreamble, kDelimiter, kHeader, kContent, kEpilogue, kFailed };

  std::optional<MultipartEvent> ReadContent(std::string_view& input);
  std::optional<MultipartEvent> ReadDelimiterEnd(std::string_view& input);
  std::optional<MultipartEvent> ReadHeader(std::string_view& input);
  MultipartEvent Fail(std::string_view why);

  std::string delimiter_;  // CR LF, two hyphens, boundary; the first byte is its only CR
  size_t matched_ = 0;     // bytes of the delimiter at the end of the input
  std::string held_;       // partial header section or delimiter line
  PartHeader header_;
  const size_t most_parts_;
  size_t parts_ = 0;
  State state_ = State::kPreamble;
};

}  // namespace parley
