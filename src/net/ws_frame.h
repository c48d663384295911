// WebSocket frames (RFC 6455) on the server side, without I/O: decoding, encoding, and the handshake
// keys. Threads: one per decoder.
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

// The code reported for a close frame without a code; it is never sent (RFC 6455 §7.4.1).
inline constexpr uint16_t kWsNoCode = 1005;

struct WsEvent {
  enum class Kind : uint8_t {
    kNeedMore,  // all input is consumed and no event is complete
    kText,      // payload: the message, valid UTF-8
    kBinary,    // payload: the message
    kPing,      // payload: to return in a pong
    kPong,      // payload
    kClose,     // code (kWsNoCode if absent); payload: the reason, valid UTF-8
    kError,     // code: the close code, 1002, 1007 or 1009; payload: the error
  };
  Kind kind = Kind::kNeedMore;
  uint16_t code = 0;
  std::string_view payload;  // valid until the next call of Next, and while the input exists
};

struct WsDecoderOptions {
  size_t max_message;  // payload bytes of all fragments, after decompression
  uint32_t max_fragments = 4096;
  bool inflate = false;  // permessage-deflate was negotiated, without context takeover
};

// Decodes the frames of one client. Between messages it holds no memory. During a message it holds at
// most four times the received bytes (or 4 KiB), regardless of the announced length.
//
// Errors, at the first offending byte:
// - 1002: no mask, a reserved bit, an unknown opcode, a control frame that is fragmented or longer
//   than 125 bytes, a continuation without a message or a new message during one, a length that is
//   not minimally encoded or has the top bit set, a close code that is invalid in a frame, a close payload
//   of one byte.
// - 1007: text or a close reason that is not UTF-8, even before its frame is complete.
// - 1009: a message over the limit, detected in the header before any of the frame is stored, or, if it is
//   compressed, as soon as the output exceeds the limit; a message of more than max_fragments frames,
//   including empty ones.
// A corrupt or incomplete compressed message is 1007; the compressed bit on a frame other than the first
// of a message is 1002.
class WsDecoder {
 public:
  explicit WsDecoder(WsDecoderOptions options);
  explicit WsDecoder(size_t max_message) : WsDecoder(WsDecoderOptions{max_message}) {}
  ~WsDecoder();
  WsDecoder(WsDecoder&&) noexcept;
  WsDecoder& operator=(WsDecoder&&) noexcept;

  // Returns the next event and removes the consumed bytes from `input`, which is empty after kNeedMore.
  // Unmasks in place: a message in one complete frame is not copied. After kClose or kError, further input
  // is ignored.
  WsEvent Next(std::span<char>& input);

  // Heap bytes held for an incomplete frame or message.
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

// --- encoding: one complete frame each, unmasked, with minimally encoded length

// Appends a frame header with FIN set.
void AppendFrameHeader(std::string& out, WsOpcode opcode, size_t payload);
// Encodes a message as one frame. `compressed`: the payload is compressed (RFC 7692).
SharedBytes EncodeMessage(WsOpcode opcode, std::string_view payload, bool compressed = false);
// `json`: valid UTF-8.
SharedBytes EncodeText(std::string_view json);
// The text of a frame from EncodeText, for transports without the header.
std::string_view PayloadOf(const SharedBytes& frame);
// Truncates the payload to 125 bytes.
SharedBytes EncodePing(std::string_view payload);
SharedBytes EncodePong(std::string_view payload);
// Truncates the reason, valid UTF-8, to 123 bytes between code points. kWsNoCode: an empty payload.
SharedBytes EncodeClose(uint16_t code, std::string_view reason);

// --- the opening handshake (RFC 6455 §4.2)

// Returns true if a Sec-WebSocket-Key encodes 16 bytes: 22 characters of base64, then "==".
bool IsValidKey(std::string_view sec_websocket_key);
// Returns the Sec-WebSocket-Accept of a key.
std::string AcceptKey(std::string_view sec_websocket_key);

}  // namespace parley
