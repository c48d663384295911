// Decodes the chunked transfer coding (RFC 9112 §7.1) with bounded memory and without I/O. Extensions
// and trailer fields are validated and discarded. Threads: one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parley {

class ChunkedDecoder {
 public:
  // Limits in bytes, per body: a chunk-size line with its extensions, all extensions together, and the
  // trailer section.
  static constexpr size_t kMaxLine = 4096;
  static constexpr size_t kMaxExtensions = 16 * 1024;
  static constexpr size_t kMaxTrailers = 16 * 1024;

  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed
    kData,      // content, never empty
    kEnd,       // the end of the body and its trailer section; later input is not consumed
    kError,     // malformed, or over a limit
  };
  struct Piece {
    Kind kind = Kind::kNeedMore;
    std::string_view data = {};
  };

  // Returns the next piece of `input` and removes the consumed bytes from it.
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

  bool Step(char c);  // processes a byte outside content; false on error
  bool StepSize(char c);
  bool StepTrailer(char c);

  State state_ = State::kSizeStart;
  uint64_t left_ = 0;  // remaining bytes of the chunk
  size_t line_ = 0;
  size_t extensions_ = 0;
  size_t trailers_ = 0;
};

}  // namespace parley
