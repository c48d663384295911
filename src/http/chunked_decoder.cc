#include "http/chunked_decoder.h"

#include <algorithm>

#include "base/hex.h"
#include "http/http_syntax.h"

namespace parley {

ChunkedDecoder::Piece ChunkedDecoder::Next(std::string_view& input) {
  while (state_ != State::kEnd && state_ != State::kFailed) {
    if (input.empty()) return {};
    if (state_ == State::kData) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
      const Piece piece{Kind::kData, input.substr(0, size)};
      input.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = State::kDataCr;
      return piece;
    }
    if (!Step(input.front())) state_ = State::kFailed;
    input.remove_prefix(1);
  }
  return {state_ == State::kEnd ? Kind::kEnd : Kind::kError};
}

bool ChunkedDecoder::Step(char c) {
  switch (state_) {
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSizeStart;
      line_ = 0;
      return c == '\n';
    case State::kSizeStart:
    case State::kSize:
    case State::kExtension:
    case State::kSizeEnd:
      return ++line_ <= kMaxLine && StepSize(c);
    default:
      return ++trailers_ <= kMaxTrailers && StepTrailer(c);
  }
}

bool ChunkedDecoder::StepSize(char c) {
  if (state_ == State::kSizeEnd) {
    state_ = left_ == 0 ? State::kTrailerStart : State::kData;
    return c == '\n';
  }
  if (state_ == State::kExtension) {
    if (c == '\r') {
      state_ = State::kSizeEnd;
      return true;
    }
    return ++extensions_ <= kMaxExtensions && IsFieldByte(c);
  }
  if (const int digit = HexDigit(c); digit >= 0) {
    if (left_ >> 59 != 0) return false;  // larger than any body
    left_ = left_ << 4 | static_cast<uint64_t>(digit);
    state_ = State::kSize;
    return true;
  }
  if (state_ == State::kSizeStart) return false;
  state_ = c == ';' ? State::kExtension : State::kSizeEnd;
  return c == ';' || c == '\r';
}

bool ChunkedDecoder::StepTrailer(char c) {
  switch (state_) {
    case State::kTrailerStart:
      state_ = c == '\r' ? State::kLastLf : State::kTrailerName;
      return c == '\r' || IsTokenByte(c);
    case State::kTrailerName:
      if (c == ':') state_ = State::kTrailerValue;
      return c == ':' || IsTokenByte(c);
    case State::kTrailerValue:
      if (c == '\r') state_ = State::kTrailerLf;
      return c == '\r' || IsFieldByte(c);
    case State::kTrailerLf:
      state_ = State::kTrailerStart;
      return c == '\n';
    default:
      state_ = State::kEnd;
      return c == '\n';
  }
}

}  // namespace parley
