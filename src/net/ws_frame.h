// WebSocket frames (RFC 6455), the server's side, without I/O: bytes to messages, messages to
// bytes, and the two sums of the handshake. Not thread-safe; no state but a decoder's own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace parley {

enum class WsOpcode : uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

// A close frame without a code is reported with this one, which never travels (RFC 6455 §7.4.1).
inline constexpr uint16_t kWsNoCode = 1005;

struct WsEvent {
  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed and no event is complete
    kText,      // payload: the message, valid UTF-8
    kBinary,    // payload: the message
    kPing,      // payload: to be sent back in a pong
    kPong,      // payload
    kClose,     // code (kWsNoCode when there was none); payload: the reason, valid UTF-8
    kError,     // code: the one to close with, 1002, 1007 or 1009; payload: what was wrong
  };
  Kind kind = Kind::kNeedMore;
  uint16_t code = 0;
  std::string_view payload;  // until the next call of Next, and no longer than the input lives
};

struct WsDecoderOptions {
  size_t max_message;  // bytes of payload, over all its fragments, after inflating
  uint32_t max_fragments = 4096;
  bool inflate = false;  // permessage-deflate was agreed upon, without context takeover
};

// Decodes what one client sends. Between messages it holds no memory of its own; in the midst of
// one it holds what came of it and never more than four times as much (or 4 KiB), whatever length
// the client announced.
//
// Refused at the first byte that shows it:
// - 1002: no mask, a reserved bit, an unknown opcode, a control frame that is fragmented or longer
//   than 125 bytes, a continuation of nothing or a new message in the midst of one, a length not in
//   its shortest form or with the top bit set, a close code that must not be sent, a close payload
//   of one byte.
// - 1007: text or a close reason that is not UTF-8, also before its frame is complete.
// - 1009: a message beyond the limit, known from the header before anything of the frame is kept;
// or
//   one of more than max_fragments frames, empty ones included; compressed, as soon as more comes
//   out of it.
// A compressed message that is broken or cut short is 1007, a compressed bit anywhere but on the
// first frame of a message 1002.
class WsDecoder {
 public:
  explicit WsDecoder(WsDecoderOptions options);
  explicit WsDecoder(size_t max_message) : WsDecoder(WsDecoderOptions{max_message}) {}
  ~WsDecoder();
  WsDecoder(WsDecoder&&) noexcept;
  WsDecoder& operator=(WsDecoder&&) noexcept;

  // The next event of `input`, which is advanced past what was consumed and is empty when the
  // answer is kNeedMore. Unmasks in place: a message that lies in the input in one frame is not
  // copied. Nothing comes after kClose or kError: later input is swallowed.
  WsEvent Next(std::span<char>& input);

  // Bytes of heap held for a frame or message that is not complete.
  size_t held_bytes() const;

 private:
  struct Partial;
  struct Header;
  struct Refusal;

  void ReleaseLast();
  Partial& GetPartial();
  bool in_frame() const;
  bool in_message() const;

  Refusal CheckFirstByte(uint8_t byte) const;
  Refusal CheckSecondByte(uint8_t first, uint8_t second) const;
  Refusal CheckLength(const Header& header) const;
  Refusal ParseHeader(std::span<const char> bytes, Header& header, bool& complete) const;
  Refusal TakeHeader(std::span<char>& input, Header& header, bool& complete);

  std::optional<WsEvent> BeginFrame(const Header& header, std::span<char>& input);
  std::optional<WsEvent> ContinueFrame(std::span<char>& input);
  std::optional<WsEvent> FinishFrame();
  WsEvent FinishControl(WsOpcode opcode, std::string_view payload);
  WsEvent FinishClose(std::string_view payload);
  WsEvent Fail(Refusal refusal);

  std::optional<WsEvent> TakePayload(std::span<char> bytes);

  WsDecoderOptions options_;
  std::unique_ptr<Partial> partial_;
  bool ended_ = false;
};

// --- out: one whole frame each, unmasked, with the shortest length form

// FIN is set.
void AppendFrameHeader(std::string& out, WsOpcode opcode, size_t payload);
// One frame of a message; `compressed`: the payload is (RFC 7692).
SharedBytes EncodeMessage(WsOpcode opcode, std::string_view payload, bool compressed = false);
// `json`: valid UTF-8.
SharedBytes EncodeText(std::string_view json);
// What EncodeText was given: for transports that need no header.
std::string_view PayloadOf(const SharedBytes& frame);
// Payloads are cut to 125 bytes.
SharedBytes EncodePing(std::string_view payload);
SharedBytes EncodePong(std::string_view payload);
// The reason, valid UTF-8, is cut to 123 bytes between code points. kWsNoCode: an empty payload.
SharedBytes EncodeClose(uint16_t code, std::string_view reason);

// --- the opening handshake (RFC 6455 §4.2)

// Does a Sec-WebSocket-Key stand for 16 bytes: 22 characters of base64, then "=="?
bool IsValidKey(std::string_view sec_websocket_key);
// Sec-WebSocket-Accept for that key.
std::string AcceptKey(std::string_view sec_websocket_key);

}  // namespace parley
