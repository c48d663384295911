// The decoder must give the same events for the same bytes however they are cut, stay inside the
// input and its bounds, and hold nothing after the last event.
//
// Input: the first byte n (mod 8) is the number of cuts, the next 2n bytes are where they lie (big
// endian, modulo what follows), the rest is what a client sends.
// Sources: src/net/deflate.cc src/net/utf8.cc src/net/ws_decoder.cc src/net/ws_frame.cc
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "net/utf8.h"
#include "test/support/ws_client_frame.h"

namespace {

constexpr size_t kMaxMessage = 4096;

void Require(bool held) {
  if (!held) std::abort();
}

std::vector<size_t> TakeCuts(std::string_view& bytes) {
  std::vector<size_t> cuts(static_cast<uint8_t>(bytes.front()) % 8);
  bytes.remove_prefix(1);
  if (bytes.size() < 2 * cuts.size()) cuts.clear();
  const std::string_view places = bytes.substr(0, 2 * cuts.size());
  bytes.remove_prefix(places.size());
  for (size_t i = 0; i < cuts.size(); ++i) {
    const auto high = static_cast<uint8_t>(places[2 * i]);
    const auto low = static_cast<uint8_t>(places[2 * i + 1]);
    cuts[i] = static_cast<size_t>(high << 8 | low) % (bytes.size() + 1);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

bool Ended(const parley::test::SeenEvents& events) {
  using Kind = parley::WsEvent::Kind;
  return !events.empty() &&
         (events.back().kind == Kind::kClose || events.back().kind == Kind::kError);
}

void CheckEvents(const parley::test::SeenEvents& events) {
  using Kind = parley::WsEvent::Kind;
  for (const auto& event : events) {
    Require(event.payload.size() <= kMaxMessage);
    const bool text = event.kind == Kind::kText || event.kind == Kind::kClose;
    Require(!text || parley::IsUtf8(event.payload));
    const bool last = event.kind == Kind::kClose || event.kind == Kind::kError;
    Require(!last || &event == &events.back());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<size_t> cuts = TakeCuts(bytes);

  parley::WsDecoder decoder(kMaxMessage);
  parley::test::SeenEvents whole;
  parley::test::FeedPiece(decoder, bytes, whole);
  CheckEvents(whole);
  Require(decoder.held_bytes() <= 4 * kMaxMessage + 512);
  Require(!Ended(whole) || decoder.held_bytes() == 0);
  Require(parley::test::DecodeCut(bytes, cuts, kMaxMessage) == whole);
  Require(parley::test::DecodeByteByByte(bytes, kMaxMessage) == whole);
  return 0;
}
