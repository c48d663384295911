// Encodes frames, and the handshake. ws_decoder.cc decodes frames.
#include "net/ws_frame.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/utf8.h"
#include "net/ws_bits.h"

namespace parley {
namespace {

using namespace ws;

struct HeaderBytes {
  std::array<char, 10> bytes;
  size_t size;
  std::string_view view() const { return {bytes.data(), size}; }
};

HeaderBytes MakeHeader(WsOpcode opcode, size_t payload, bool compressed = false) {
  HeaderBytes header{};
  header.bytes[0] =
      static_cast<char>(kFin | (compressed ? kCompressed : 0) | static_cast<uint8_t>(opcode));
  if (payload < kLength16) {
    header.bytes[1] = static_cast<char>(payload);
    header.size = 2;
    return header;
  }
  const size_t length_size = payload <= 0xFFFF ? 2 : 8;
  header.bytes[1] = static_cast<char>(length_size == 2 ? kLength16 : kLength64);
  for (size_t i = 0; i < length_size; ++i) {
    header.bytes[2 + i] = static_cast<char>(uint64_t{payload} >> (8 * (length_size - 1 - i)));
  }
  header.size = 2 + length_size;
  return header;
}

SharedBytes EncodeControl(WsOpcode opcode, std::string_view payload) {
  payload = payload.substr(0, kMaxControlPayload);
  return SharedBytes(MakeHeader(opcode, payload.size()).view(), payload);
}

}  // namespace

void AppendFrameHeader(std::string& out, WsOpcode opcode, size_t payload) {
  out += MakeHeader(opcode, payload).view();
}

SharedBytes EncodeMessage(WsOpcode opcode, std::string_view payload, bool compressed) {
  return SharedBytes(MakeHeader(opcode, payload.size(), compressed).view(), payload);
}

SharedBytes EncodeText(std::string_view json) { return EncodeMessage(WsOpcode::kText, json); }

std::string_view PayloadOf(const SharedBytes& frame) {
  const std::string_view bytes = frame.view();
  if (bytes.size() < 2) return {};
  const auto form = static_cast<uint8_t>(bytes[1]);
  const size_t header = form == kLength64 ? 10 : form == kLength16 ? 4 : 2;
  return bytes.substr(std::min(header, bytes.size()));
}

SharedBytes EncodePing(std::string_view payload) { return EncodeControl(WsOpcode::kPing, payload); }

SharedBytes EncodePong(std::string_view payload) { return EncodeControl(WsOpcode::kPong, payload); }

SharedBytes EncodeClose(uint16_t code, std::string_view reason) {
  if (code == kWsNoCode) return EncodeControl(WsOpcode::kClose, {});
  reason = CutUtf8(reason, kMaxControlPayload - 2);
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xFF);
  payload += reason;
  return EncodeControl(WsOpcode::kClose, payload);
}

// --- the handshake

bool IsValidKey(std::string_view key) {
  constexpr size_t kDigits = 22;
  if (key.size() != kDigits + 2 || !key.ends_with("==")) return false;
  return std::ranges::all_of(key.substr(0, kDigits), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  });
}

std::string AcceptKey(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int digest_size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL offers no SHA-1");
  }
  std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> base64;
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest_size));
  return {base64.begin(), base64.begin() + size};
}

}  // namespace parley
