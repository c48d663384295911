// The compressed form of the text frame that was asked for last: an event goes to all readers of a
// shard in a row, and is compressed once for all of them. One for each shard; its thread.
#pragma once
#include "base/bytes.h"

namespace parley {

class CompressedFrame {
 public:
  // `frame`: a whole text frame. Given back as it is where it is too small to gain anything.
  const SharedBytes& Of(const SharedBytes& frame, int window_bits);

 private:
  SharedBytes plain_, compressed_;  // holding the first keeps its address from being another's
  int window_bits_ = 0;
};

}  // namespace parley
