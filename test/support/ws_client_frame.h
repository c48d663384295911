// Builds frames of a WebSocket client, well-formed or malformed, for tests of the decoder.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/ws_frame.h"

namespace parley::test {

struct ClientFrame {
  WsOpcode opcode = WsOpcode::kText;
  std::string payload = {};
  bool fin = true;
  std::array<uint8_t, 4> mask = {0x37, 0xFA, 0x21, 0x3D};

  std::string Bytes() const {
    std::string out;
    AppendFrameHeader(out, opcode, payload.size());
    if (!fin) out[0] = static_cast<char>(out[0] & 0x7F);
    out[1] = static_cast<char>(out[1] | 0x80);
    for (const uint8_t byte : mask) out += static_cast<char>(byte);
    for (size_t i = 0; i < payload.size(); ++i) {
      out += static_cast<char>(payload[i] ^ static_cast<char>(mask[i % 4]));
    }
    return out;
  }
};

inline std::string Masked(WsOpcode opcode, std::string payload, bool fin = true) {
  return ClientFrame{.opcode = opcode, .payload = std::move(payload), .fin = fin}.Bytes();
}

// An event that owns its payload.
struct SeenEvent {
  WsEvent::Kind kind = WsEvent::Kind::kNeedMore;
  std::string payload = {};
  uint16_t code = 0;
  bool operator==(const SeenEvent&) const = default;
};
using SeenEvents = std::vector<SeenEvent>;

inline std::ostream& operator<<(std::ostream& out, const SeenEvent& event) {
  return out << "{kind " << static_cast<int>(event.kind) << ", code " << event.code << ", "
             << event.payload.size() << " bytes '" << event.payload.substr(0, 60) << "'}";
}

// Feeds one piece and appends the resulting events. The piece is in a block of exactly its size, so that
// a sanitizer detects reads beyond it.
inline void FeedPiece(WsDecoder& decoder, std::string_view piece, SeenEvents& seen) {
  std::vector<char> block(piece.begin(), piece.end());
  std::span<char> input(block);
  while (true) {
    const WsEvent event = decoder.Next(input);
    if (event.kind == WsEvent::Kind::kNeedMore) return;
    seen.push_back({event.kind, std::string(event.payload), event.code});
  }
}

inline SeenEvents Decode(std::string_view bytes, size_t max_message = 1 << 20) {
  WsDecoder decoder(max_message);
  SeenEvents seen;
  FeedPiece(decoder, bytes, seen);
  return seen;
}

// Feeds the input in pieces that end at `cuts`, ascending.
inline SeenEvents DecodeCut(std::string_view bytes, std::span<const size_t> cuts,
                            size_t max_message = 1 << 20) {
  WsDecoder decoder(max_message);
  SeenEvents seen;
  size_t from = 0;
  for (const size_t cut : cuts) {
    FeedPiece(decoder, bytes.substr(from, cut - from), seen);
    from = cut;
  }
  FeedPiece(decoder, bytes.substr(from), seen);
  return seen;
}

inline SeenEvents DecodeByteByByte(std::string_view bytes, size_t max_message = 1 << 20) {
  WsDecoder decoder(max_message);
  SeenEvents seen;
  for (size_t i = 0; i < bytes.size(); ++i) FeedPiece(decoder, bytes.substr(i, 1), seen);
  return seen;
}

}  // namespace parley::test
