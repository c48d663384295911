#include "session/compressed_frame.h"

#include "net/deflate.h"
#include "net/ws_frame.h"

namespace parley {
namespace {

constexpr size_t kWorthIt = 128;  // bytes

}  // namespace

const SharedBytes& CompressedFrame::Of(const SharedBytes& frame, int window_bits) {
  if (frame.size() < kWorthIt) return frame;
  if (frame.view().data() != plain_.view().data() || window_bits != window_bits_) {
    compressed_ = EncodeMessage(WsOpcode::kText, Deflate(PayloadOf(frame), window_bits), true);
    plain_ = frame;
    window_bits_ = window_bits;
  }
  return compressed_;
}

}  // namespace parley
