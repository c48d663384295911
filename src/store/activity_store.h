// When messages were delivered and users were seen. Both are written within seconds, in the background;
// a crash loses what is not written yet.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/answer.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/ids.h"
#include "domain/conversation.h"

namespace parley {

struct Seen {
  UserId user;
  std::optional<Timestamp> last_seen;
};

class ActivityStore {
 public:
  virtual ~ActivityStore() = default;
  // The first delivery of these messages to a user other than their sender. Threads: any.
  virtual void NoteDelivered(const Uuid& conversation, int64_t first_seq, int64_t last_seq) = 0;
  // The user was connected at this time. Threads: any.
  virtual void NoteSeen(const UserId& user, Timestamp at) = 0;
  // Lists those of `asked` who share a conversation with the reader (for a service: all of them).
  // Threads and errors: store/store.h.
  virtual void ListSeen(UserId reader, bool as_service, std::vector<UserId> asked, Executor& on,
                        Answer<std::vector<Seen>> done) = 0;
};

}  // namespace parley
