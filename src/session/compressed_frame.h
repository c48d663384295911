// Caches the compressed form of the last text frame: an event is sent to all subscribers of a shard in a
// row, and is compressed once for all of them. Threads: one per shard.
#pragma once
#include "base/bytes.h"

namespace parley {

class CompressedFrame {
 public:
  // `frame`: a complete text frame. It is returned unchanged if it is too small to benefit.
  const SharedBytes& Of(const SharedBytes& frame, int window_bits);

 private:
  SharedBytes plain_, compressed_;  // holding plain_ prevents reuse of its address
  int window_bits_ = 0;
};

}  // namespace parley
