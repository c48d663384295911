// Decodes received frames. ws_frame.cc encodes frames.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/utf8.h"
#include "net/deflate.h"
#include "net/ws_bits.h"
#include "net/ws_frame.h"

namespace parley {
namespace {

using namespace ws;

constexpr size_t kMaxHeader = 14;      // two bytes, a 64-bit length, the mask
constexpr size_t kFirstBuffer = 4096;  // initial capacity of a fragmented message
constexpr uint64_t kGrowth = 4;        // growth limit, as a multiple of the received bytes

constexpr uint16_t kProtocolError = 1002;
constexpr uint16_t kBadText = 1007;
constexpr uint16_t kTooBig = 1009;

bool IsControl(WsOpcode opcode) { return (static_cast<uint8_t>(opcode) & 0x8) != 0; }

bool IsKnown(uint8_t opcode) { return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA); }

uint64_t ReadBigEndian(const char* at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(at[i]);
  return value;
}

// XORs `bytes` with the mask, whose first byte in memory applies to the first byte. Returns the
// mask for the byte after the last.
uint32_t Unmask(std::span<char> bytes, uint32_t mask) {
  const uint64_t wide = uint64_t{mask} << 32 | mask;
  char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    word ^= wide;
    std::memcpy(at, &word, sizeof word);
  }
  std::array<char, 4> key;
  std::memcpy(key.data(), &mask, sizeof mask);
  for (size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ key[i % 4]);
  const int turn = static_cast<int>(8 * (left % 4));
  if constexpr (std::endian::native == std::endian::little) return std::rotr(mask, turn);
  return std::rotl(mask, turn);
}

std::string_view ViewOf(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

// RFC 6455 §7.4 and its registry: the valid codes of a close frame.
bool MayTravel(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

struct WsDecoder::Header {
  WsOpcode opcode = WsOpcode::kContinuation;
  bool fin = false;
  bool compressed = false;
  uint8_t size = 0;  // of the header itself
  uint64_t length = 0;
  uint32_t mask = 0;
};

// A code of 0: no error.
struct WsDecoder::Refusal {
  uint16_t code = 0;
  std::string_view reason = {};
};

// The received part of an incomplete frame or message.
struct WsDecoder::Partial {
  // The message: all fragments received so far, including the current frame.
  std::string message;
  Utf8Validator utf8;
  WsOpcode message_opcode = WsOpcode::kContinuation;  // no message is open
  uint32_t fragments = 0;
  uint64_t came = 0;                   // of its bytes as transmitted
  std::unique_ptr<Inflater> inflater;  // the message is compressed

  // The frame whose header is complete.
  bool in_frame = false;
  WsOpcode frame_opcode = WsOpcode::kContinuation;
  bool frame_fin = false;
  uint64_t frame_left = 0;  // remaining payload
  uint32_t mask = 0;        // mask for the next byte

  // The first bytes of a header, or the payload of a control frame.
  uint8_t small_size = 0;
  std::array<char, kMaxControlPayload> small;

  bool Empty() const {
    return !in_frame && small_size == 0 && message_opcode == WsOpcode::kContinuation;
  }
  void Keep(std::span<const char> bytes) {
    std::copy(bytes.begin(), bytes.end(), small.begin() + small_size);
    small_size = static_cast<uint8_t>(small_size + bytes.size());
  }
  // Reserves `more` bytes of a frame with `left` remaining, in proportion to the received bytes: a
  // header alone must not cause a large allocation.
  void AppendToMessage(std::string_view more, uint64_t left) {
    const uint64_t size = message.size() + more.size();
    if (size > message.capacity()) {
      const uint64_t generous = std::max<uint64_t>(kFirstBuffer, kGrowth * size);
      // The length is known for a final frame; other frames can be followed by more.
      const uint64_t end = frame_fin ? message.size() + left : generous;
      message.reserve(static_cast<size_t>(std::min(end, generous)));
    }
    message.append(more);
  }
};

WsDecoder::WsDecoder(WsDecoderOptions options) : options_(options) {}
WsDecoder::~WsDecoder() = default;
WsDecoder::WsDecoder(WsDecoder&&) noexcept = default;
WsDecoder& WsDecoder::operator=(WsDecoder&&) noexcept = default;

size_t WsDecoder::held_bytes() const {
  return partial_ == nullptr ? 0 : sizeof(Partial) + partial_->message.capacity();
}

WsDecoder::Partial& WsDecoder::GetPartial() {
  if (partial_ == nullptr) partial_ = std::make_unique<Partial>();
  return *partial_;
}

bool WsDecoder::in_frame() const { return partial_ != nullptr && partial_->in_frame; }

bool WsDecoder::in_message() const {
  return partial_ != nullptr && partial_->message_opcode != WsOpcode::kContinuation;
}

// --- headers

WsDecoder::Refusal WsDecoder::CheckFirstByte(uint8_t byte) const {
  const auto reserved = byte & kReserved;
  const bool starts = (byte & 0x0F) == 0x1 || (byte & 0x0F) == 0x2;
  if (reserved != 0 && !(options_.inflate && reserved == kCompressed && starts)) {
    return {kProtocolError, "A reserved bit is set."};
  }
  if (!IsKnown(byte & 0x0F)) return {kProtocolError, "The opcode is unknown."};
  const auto opcode = static_cast<WsOpcode>(byte & 0x0F);
  if (IsControl(opcode)) {
    if ((byte & kFin) == 0) return {kProtocolError, "A control frame is fragmented."};
    return {};
  }
  const bool continues = opcode == WsOpcode::kContinuation;
  if (continues && !in_message())
    return {kProtocolError, "A continuation frame arrived without a message to continue."};
  if (!continues && in_message())
    return {kProtocolError, "A new message began before the previous one ended."};
  if (continues && partial_->fragments >= options_.max_fragments) {
    return {kTooBig, "The message has too many fragments."};
  }
  return {};
}

WsDecoder::Refusal WsDecoder::CheckSecondByte(uint8_t first, uint8_t second) const {
  if ((second & kMasked) == 0) return {kProtocolError, "The frame is not masked."};
  if (IsControl(static_cast<WsOpcode>(first & 0x0F)) && (second & 0x7F) > kMaxControlPayload) {
    return {kProtocolError, "The control frame is too long."};
  }
  return {};
}

// The length is decoded; `size` is still the number of its encoded bytes.
WsDecoder::Refusal WsDecoder::CheckLength(const Header& header) const {
  if (header.length >> 63 != 0) return {kProtocolError, "The length has its top bit set."};
  const uint64_t least = header.size == 10 ? 0x10000 : header.size == 4 ? kLength16 : 0;
  if (header.length < least) return {kProtocolError, "The length is not minimally encoded."};
  if (IsControl(header.opcode)) return {};
  // Incompressible data grows slightly when compressed.
  const bool compressed = in_message() ? partial_->inflater != nullptr : header.compressed;
  const uint64_t most = options_.max_message + (compressed ? options_.max_message / 64 + 1024 : 0);
  const uint64_t before = in_message() ? partial_->came : 0;
  if (header.length > most - before) return {kTooBig, "The message is too big."};
  return {};
}

// `bytes`: the start of a frame. Each rule is checked as soon as its byte has arrived.
WsDecoder::Refusal WsDecoder::ParseHeader(std::span<const char> bytes, Header& header,
                                          bool& complete) const {
  complete = false;
  if (bytes.empty()) return {};
  const auto first = static_cast<uint8_t>(bytes[0]);
  if (const Refusal refusal = CheckFirstByte(first); refusal.code != 0) return refusal;
  if (bytes.size() < 2) return {};
  const auto second = static_cast<uint8_t>(bytes[1]);
  if (const Refusal refusal = CheckSecondByte(first, second); refusal.code != 0) return refusal;

  header.opcode = static_cast<WsOpcode>(first & 0x0F);
  header.fin = (first & kFin) != 0;
  header.compressed = (first & kCompressed) != 0;
  const uint8_t form = second & 0x7F;
  const size_t length_size = form == kLength64 ? 8 : form == kLength16 ? 2 : 0;
  if (bytes.size() < 2 + length_size) return {};
  header.length = length_size == 0 ? form : ReadBigEndian(&bytes[2], length_size);
  header.size = static_cast<uint8_t>(2 + length_size);
  if (const Refusal refusal = CheckLength(header); refusal.code != 0) return refusal;

  if (bytes.size() < header.size + sizeof header.mask) return {};
  std::memcpy(&header.mask, &bytes[header.size], sizeof header.mask);
  header.size = static_cast<uint8_t>(header.size + sizeof header.mask);
  complete = true;
  return {};
}

// Consumes a header, or buffers its received part.
WsDecoder::Refusal WsDecoder::TakeHeader(std::span<char>& input, Header& header, bool& complete) {
  const size_t held = partial_ == nullptr ? 0 : partial_->small_size;
  if (held == 0) {
    const Refusal refusal = ParseHeader(input, header, complete);
    if (!complete && refusal.code == 0 && !input.empty()) GetPartial().Keep(input);
    input = input.subspan(complete ? header.size : input.size());
    return refusal;
  }
  const size_t added = std::min(input.size(), kMaxHeader - held);
  partial_->Keep(input.first(added));
  const Refusal refusal =
      ParseHeader(std::span(partial_->small).first(partial_->small_size), header, complete);
  if (complete) partial_->small_size = 0;
  input = input.subspan(complete ? header.size - held : added);
  return refusal;
}

// --- frames

WsEvent WsDecoder::Next(std::span<char>& input) {
  ReleaseLast();
  std::optional<WsEvent> event;
  while (!ended_ && !event) {
    if (in_frame()) {
      if (input.empty()) return {};
      event = ContinueFrame(input);
      continue;
    }
    Header header;
    bool complete = false;
    const Refusal refusal = TakeHeader(input, header, complete);
    if (refusal.code != 0) {
      event = Fail(refusal);
    } else if (complete) {
      event = BeginFrame(header, input);
    } else {
      return {};
    }
  }
  if (ended_) input = input.last(0);
  return event.value_or(WsEvent{});
}

// The payload of the last event may be in `partial`; it is no longer referenced.
void WsDecoder::ReleaseLast() {
  if (partial_ != nullptr && (partial_->Empty() || ended_)) partial_.reset();
}

std::optional<WsEvent> WsDecoder::BeginFrame(const Header& header, std::span<char>& input) {
  const bool control = IsControl(header.opcode);
  const bool alone = header.fin && header.opcode != WsOpcode::kContinuation;
  if (alone && !header.compressed && header.length <= input.size()) {
    const std::span<char> payload = input.first(static_cast<size_t>(header.length));
    input = input.subspan(payload.size());
    Unmask(payload, header.mask);
    if (control) return FinishControl(header.opcode, ViewOf(payload));
    if (header.opcode == WsOpcode::kBinary)
      return WsEvent{WsEvent::Kind::kBinary, 0, ViewOf(payload)};
    if (!IsUtf8(ViewOf(payload))) return Fail({kBadText, "The text is not UTF-8."});
    return WsEvent{WsEvent::Kind::kText, 0, ViewOf(payload)};
  }
  Partial& partial = GetPartial();
  partial.in_frame = true;
  partial.frame_opcode = header.opcode;
  partial.frame_fin = header.fin;
  partial.frame_left = header.length;
  partial.mask = header.mask;
  if (!control) {
    if (header.opcode != WsOpcode::kContinuation) partial.message_opcode = header.opcode;
    if (header.compressed) partial.inflater = std::make_unique<Inflater>();
    partial.came += header.length;
    ++partial.fragments;
  }
  return ContinueFrame(input);
}

std::optional<WsEvent> WsDecoder::ContinueFrame(std::span<char>& input) {
  Partial& partial = *partial_;
  const auto size = static_cast<size_t>(std::min<uint64_t>(partial.frame_left, input.size()));
  const std::span<char> bytes = input.first(size);
  input = input.subspan(size);
  partial.mask = Unmask(bytes, partial.mask);
  if (IsControl(partial.frame_opcode)) {
    partial.Keep(bytes);
  } else if (auto failed = TakePayload(bytes)) {
    return failed;
  }
  partial.frame_left -= size;
  if (partial.frame_left != 0) return std::nullopt;
  return FinishFrame();
}

// Appends message bytes of the current frame.
std::optional<WsEvent> WsDecoder::TakePayload(std::span<char> bytes) {
  Partial& partial = *partial_;
  const size_t before = partial.message.size();
  if (partial.inflater == nullptr) {
    partial.AppendToMessage(ViewOf(bytes), partial.frame_left);
  } else {
    const bool last = partial.frame_fin && partial.frame_left == bytes.size();
    auto status = partial.inflater->Feed(ViewOf(bytes), partial.message, options_.max_message);
    if (last && status == Inflater::Status::kOk) {
      status = partial.inflater->Finish(partial.message, options_.max_message);
    }
    if (status == Inflater::Status::kTooBig) return Fail({kTooBig, "The message is too big."});
    if (status == Inflater::Status::kBroken) {
      return Fail({kBadText, "The compressed message is corrupt."});
    }
  }
  const std::string_view added = std::string_view(partial.message).substr(before);
  if (partial.message_opcode == WsOpcode::kText && !partial.utf8.Feed(added)) {
    return Fail({kBadText, "The text is not UTF-8."});
  }
  return std::nullopt;
}

std::optional<WsEvent> WsDecoder::FinishFrame() {
  Partial& partial = *partial_;
  partial.in_frame = false;
  if (IsControl(partial.frame_opcode)) {
    const std::string_view payload(partial.small.data(), partial.small_size);
    partial.small_size = 0;
    return FinishControl(partial.frame_opcode, payload);
  }
  if (!partial.frame_fin) return std::nullopt;
  const bool text = partial.message_opcode == WsOpcode::kText;
  if (text && !partial.utf8.Complete()) return Fail({kBadText, "The text is not UTF-8."});
  // No message is open: the next call releases the memory.
  partial.message_opcode = WsOpcode::kContinuation;
  return WsEvent{text ? WsEvent::Kind::kText : WsEvent::Kind::kBinary, 0, partial.message};
}

WsEvent WsDecoder::FinishControl(WsOpcode opcode, std::string_view payload) {
  if (opcode == WsOpcode::kPing) return {WsEvent::Kind::kPing, 0, payload};
  if (opcode == WsOpcode::kPong) return {WsEvent::Kind::kPong, 0, payload};
  return FinishClose(payload);
}

WsEvent WsDecoder::FinishClose(std::string_view payload) {
  if (payload.empty()) {
    ended_ = true;
    return {WsEvent::Kind::kClose, kWsNoCode, {}};
  }
  if (payload.size() == 1) return Fail({kProtocolError, "The close code is truncated."});
  const auto code = static_cast<uint16_t>(ReadBigEndian(payload.data(), 2));
  if (!MayTravel(code)) return Fail({kProtocolError, "The close code is not valid in a frame."});
  payload.remove_prefix(2);
  if (!IsUtf8(payload)) return Fail({kBadText, "The close reason is not UTF-8."});
  ended_ = true;
  return {WsEvent::Kind::kClose, code, payload};
}

WsEvent WsDecoder::Fail(Refusal refusal) {
  ended_ = true;
  partial_.reset();
  return {WsEvent::Kind::kError, refusal.code, refusal.reason};
}

}  // namespace parley
