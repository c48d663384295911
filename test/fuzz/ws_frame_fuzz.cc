// The decoder must return the same events for the same bytes for every way to split them, must not read
// beyond the input and its bounds, and must hold no memory after the last event.
//
// Input: the first byte's top bit selects permessage-deflate; then cuts (test/support/cut_input.h), then
// the bytes of a client.
// Sources: src/net/deflate.cc src/base/utf8.cc src/net/ws_decoder.cc src/net/ws_frame.cc
#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "test/support/cut_input.h"
#include "test/support/ws_client_frame.h"

namespace {

constexpr size_t kMaxMessage = 4096;

void Require(bool held) {
  if (!held) std::abort();
}

bool Ended(const parley::test::SeenEvents& events) {
  using Kind = parley::WsEvent::Kind;
  return !events.empty() &&
         (events.back().kind == Kind::kClose || events.back().kind == Kind::kError);
}

void ForgetReason(parley::test::SeenEvents& seen) {
  if (seen.empty() || seen.back().kind != parley::WsEvent::Kind::kError) return;
  seen.back().payload.clear();
  seen.back().code = 0;
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
  const auto input = parley::test::TakeCuts({reinterpret_cast<const char*>(data), size});
  const parley::WsDecoderOptions options{.max_message = kMaxMessage, .inflate = data[0] >= 0x80};

  parley::WsDecoder decoder(options), cut(options), bytewise(options);
  parley::test::SeenEvents whole, of_cut, of_bytes;
  parley::test::FeedPiece(decoder, input.bytes, whole);
  CheckEvents(whole);
  Require(decoder.held_bytes() <= 4 * kMaxMessage + 512);
  Require(!Ended(whole) || decoder.held_bytes() == 0);
  input.ForEachPiece([&](std::string_view piece) {
    parley::test::FeedPiece(cut, piece, of_cut);
    Require(cut.held_bytes() <= 4 * kMaxMessage + 512);
  });
  for (size_t i = 0; i < input.bytes.size(); ++i) {
    parley::test::FeedPiece(bytewise, input.bytes.substr(i, 1), of_bytes);
  }
  if (options.inflate) {
    // A compressed message with two errors may be rejected for either, depending on the cuts.
    for (auto* seen : {&whole, &of_cut, &of_bytes}) ForgetReason(*seen);
  }
  Require(of_cut == whole);
  Require(of_bytes == whole);
  return 0;
}
