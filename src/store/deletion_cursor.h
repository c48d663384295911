// Which deleted conversation is cleared next. A conversation whose rows cannot be removed now is skipped
// until all others are cleared. One thread.
#pragma once
#include <utility>

#include "base/clock.h"

namespace parley {

class DeletionCursor {
 public:
  // Conversations deleted after this time come next.
  Timestamp after() const { return after_; }
  void Begin(Timestamp deleted_at) { at_ = deleted_at; }
  // Clearing the current conversation failed.
  void PassOver() { after_ = std::max(after_, std::exchange(at_, {})); }
  // Starts over when nothing is left after the cursor. Returns true if skipped conversations are next.
  bool Rewind() { return std::exchange(after_, {}) != Timestamp{}; }

 private:
  Timestamp after_{}, at_{};
};

}  // namespace parley
