// Parses the bytes of a connection to HTTP/1.x requests, without I/O: header sections (parsed by Beast),
// then the content of each body. Buffers at most one header section, and nothing between requests.
// Threads: one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/chunked_decoder.h"
#include "http/request.h"

namespace parley {

class RequestReader {
 public:
  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed
    kHeader,    // call TakeHeader; the body follows
    kBody,      // some of the content, never empty
    kEnd,       // the end of the request
    kError,     // see fault(); later input cannot be parsed
  };
  struct Event {
    Kind kind = Kind::kNeedMore;
    std::string_view body = {};  // valid while the input exists
  };
  struct Fault {
    Error error;
    bool drain = true;  // false: do not read further input
  };

  explicit RequestReader(size_t header_limit) : header_limit_(header_limit) {}

  // Returns the next event and removes the consumed bytes from `input`. A request without a body has kEnd
  // without input.
  Event Next(std::string_view& input);

  // Call it once after each kHeader. A message whose length is ambiguous (RFC 9112 §6) is a kError instead.
  BeastRequest TakeHeader() { return std::move(header_); }
  const Fault& fault() const { return fault_; }

  // Returns true if a request is partly received.
  bool in_request() const { return state_ != State::kHeader || !held_.empty(); }
  // Valid after kHeader: whether there is a body, and its length unless it is chunked.
  bool has_body() const { return chunked_ || body_left_ > 0; }
  std::optional<uint64_t> body_left() const {
    return chunked_ ? std::nullopt : std::optional(body_left_);
  }
  size_t held_bytes() const { return held_.capacity(); }

 private:
  enum class State : uint8_t { kHeader, kBody, kFailed };

  Event ReadHeader(std::string_view& input);
  Event ReadBody(std::string_view& input);
  Event ParseHeader(std::string_view section);
  Event Fail(ErrorCode code, std::string_view detail, bool drain = true);

  const size_t header_limit_;
  std::string held_;  // partial header section
  char last_ = 0;     // the byte before the input, within a header section
  State state_ = State::kHeader;
  BeastRequest header_;
  Fault fault_;
  bool chunked_ = false;
  uint64_t body_left_ = 0;
  ChunkedDecoder chunks_;
};

}  // namespace parley
