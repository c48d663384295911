// Bytes of a connection to HTTP/1.x requests, without I/O: header sections (parsed by Beast), then
// the content of each body. Holds at most one header section, and nothing between requests. Not
// thread-safe.
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
    kHeader,    // TakeHeader gives it; its body follows
    kBody,      // some of the content, never empty
    kEnd,       // of the request
    kError,     // fault() says what is wrong; nothing that follows can be read
  };
  struct Event {
    Kind kind = Kind::kNeedMore;
    std::string_view body = {};  // lives as long as the input
  };
  struct Fault {
    Error error;
    bool drain = true;  // false: what the client still sends is not worth reading
  };

  explicit RequestReader(size_t header_limit) : header_limit_(header_limit) {}

  // The next event of `input`, which is advanced past what was consumed. kEnd of a request without a
  // body comes without input.
  Event Next(std::string_view& input);

  // Once after each kHeader. A message whose length is ambiguous (RFC 9112 §6) is a kError instead.
  BeastRequest TakeHeader() { return std::move(header_); }
  const Fault& fault() const { return fault_; }

  // Has a part of a request come that is not complete?
  bool in_request() const { return state_ != State::kHeader || !held_.empty(); }
  // After kHeader: is there a body? Its length, unless it is chunked.
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
  std::string held_;  // of a header section that is not complete
  char last_ = 0;     // the byte before the input, within a header section
  State state_ = State::kHeader;
  BeastRequest header_;
  Fault fault_;
  bool chunked_ = false;
  uint64_t body_left_ = 0;
  ChunkedDecoder chunks_;
};

}  // namespace parley
