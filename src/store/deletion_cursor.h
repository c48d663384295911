// Which of the deleted conversations is cleared next. One whose rows cannot be removed now is passed over
// until all others are. One thread.
#pragma once
#include <utility>

#include "base/clock.h"

namespace parley {

class DeletionCursor {
 public:
  // Conversations that were deleted later than that come next.
  Timestamp after() const { return after_; }
  void Begin(Timestamp deleted_at) { at_ = deleted_at; }
  // What was begun has failed.
  void PassOver() { after_ = std::max(after_, std::exchange(at_, {})); }
  // No more are left behind it. True: some were passed over, and are next.
  bool Rewind() { return std::exchange(after_, {}) != Timestamp{}; }

 private:
  Timestamp after_{}, at_{};
};

}  // namespace parley
