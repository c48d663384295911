// Who may see a conversation has changed: what nodes tell each other through the store, since an
// event between them may be lost.
#pragma once
#include <string>
#include <vector>

#include "domain/log_page.h"

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
  std::vector<AccessChange> changes;  // of one transaction in the order of their ids
  LogPage page;
};

}  // namespace parley
