// Who may see a conversation has changed: what nodes tell each other through the store, since an
// event between them may be lost.
#pragma once
#include <string>
#include <vector>

#include "base/ids.h"

namespace parley {

struct AccessChange {
  enum class Kind {  // the numbers are stored
    kJoined = 0,     // `users` are in it
    kParted = 1,     // `users` are not
    kDeleted = 2,    // nobody is, and it is not there
  };
  int64_t id = 0;
  Kind kind = Kind::kJoined;
  Uuid conversation;
  std::vector<UserId> users;
};

struct AccessChanges {
  std::vector<AccessChange> changes;  // in the order of their ids
  // Ask again from here. What had been seen may come again; nothing is left out.
  int64_t position = 0;
  uint64_t epoch = 0;  // of the store: a position of another epoch means nothing in this one
};

}  // namespace parley
