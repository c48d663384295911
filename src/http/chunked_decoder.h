// Undoes the chunked transfer coding (RFC 9112 §7.1) without I/O: input to pieces of content, in
// memory that does not grow. Extensions are checked and ignored, trailer fields are checked and
// dropped. Not thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parley {

class ChunkedDecoder {
 public:
  // Bytes of one chunk-size line with its extensions, of all extensions of a body together, and of
  // the whole trailer section. More is an error.
  static constexpr size_t kMaxLine = 4096;
  static constexpr size_t kMaxExtensions = 16 * 1024;
  static constexpr size_t kMaxTrailers = 16 * 1024;

  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed
    kData,      // content, never empty
    kEnd,       // the body and its trailer section are over; nothing after them is consumed
    kError,     // not the chunked coding, or over a limit
  };
  struct Piece {
    Kind kind = Kind::kNeedMore;
    std::string_view data = {};
  };

  // The next piece of `input`, which is advanced past what was consumed.
  Piece Next(std::string_view& input);

 private:
  enum class State : uint8_t {
    kSizeStart,  // before the first digit
    kSize,       // digits
    kExtension,  // after ';'
    kSizeEnd,    // after the line's CR
    kData,
    kDataCr,  // the CR after a chunk's data
    kDataLf,
    kTrailerStart,  // at the start of a trailer line
    kTrailerName,
    kTrailerValue,
    kTrailerLf,  // after a trailer line's CR
    kLastLf,     // after the CR of the empty line
    kEnd,
    kFailed,
  };

  bool Step(char c);  // everything but content; false: an error
  bool StepSize(char c);
  bool StepTrailer(char c);

  State state_ = State::kSizeStart;
  uint64_t left_ = 0;  // of the chunk
  size_t line_ = 0;
  size_t extensions_ = 0;
  size_t trailers_ = 0;
};

}  // namespace parley
