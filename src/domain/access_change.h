// Changes of access to conversations, which nodes read from the store because bus messages can be lost.
#pragma once
#include <string>
#include <vector>

#include "domain/log_page.h"

namespace parley {

struct AccessChange {
  enum class Kind {  // the numbers are stored
    kJoined = 0,     // `users` joined
    kRemoved = 1,    // `users` left or were removed
    kDeleted = 2,    // the conversation was deleted
  };
  int64_t id = 0;
  Kind kind = Kind::kJoined;
  Uuid conversation;
  std::vector<UserId> users;
};

struct AccessChanges {
  std::vector<AccessChange> changes;  // changes of one transaction are in id order
  LogPage page;
};

}  // namespace parley
