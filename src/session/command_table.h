// The commands of a socket: every client frame type is a row, registered by its feature.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/task.h"
#include "domain/caller.h"
#include "domain/limit.h"
#include "protocol/answers.h"
#include "protocol/json_reader.h"

namespace parley {

class Session;

// Whether a command waits for earlier ones. Commands take effect in the order sent in both cases.
enum class Order {
  kPipelined,  // concurrent: sends, whose order the store preserves
  kInTurn,  // exclusive: starts after all earlier commands have ended, and later commands wait for it
};

struct Command {
  // Valid until the handler's first co_await, like `body`.
  Session* session;
  JsonObject body;

  Caller caller;
  Uuid conversation;  // nil on the user socket if the command has no conversation_id
  Ref ref;
};

// Returns the JSON of the answer. If it is empty, the session sends an empty ack if there is a `ref`, and
// otherwise nothing.
using CommandHandler = UniqueFunction<Task<Result<std::string>>(Command)>;

struct CommandRow {
  std::string type;
  Order order = Order::kInTurn;
  Limit limit = Limit::kNone;
  bool of_conversation = true;  // requires a conversation_id on the user socket
  bool answers_itself = false;  // the response follows later; no empty ack for its `ref`
  CommandHandler handler;
};

class CommandTable {
 public:
  void Add(CommandRow row) {
    auto owned = std::make_unique<CommandRow>(std::move(row));
    rows_[owned->type] = std::move(owned);
  }
  CommandRow* Find(std::string_view type) {
    const auto found = rows_.find(std::string(type));
    return found == rows_.end() ? nullptr : found->second.get();
  }

 private:
  std::unordered_map<std::string, std::unique_ptr<CommandRow>> rows_;
};

}  // namespace parley
