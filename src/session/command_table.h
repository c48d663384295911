// The vocabulary of a socket: every client frame is one row, given by its feature.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/task.h"
#include "http/router.h"
#include "protocol/events.h"
#include "protocol/json_reader.h"

namespace parley {

class Session;

// Does a command wait for those before it? They take effect in the order sent either way.
enum class Order {
  kPipelined,  // many in flight at once: sends, whose order the store keeps
  kInTurn,     // alone: starts when all before it are answered, and what follows waits for it
};

struct Command {
  // Good until the handler's first co_await, as is `body`.
  Session* session;
  JsonObject body;

  Caller caller;
  Uuid conversation;  // nil on the user socket where the command named none
  Ref ref;
};

// The frame to answer with; an empty one says nothing (or a plain ack where there is a `ref`).
using CommandHandler = UniqueFunction<Task<Result<SharedBytes>>(Command)>;

struct CommandRow {
  std::string type;
  Order order = Order::kInTurn;
  Limit limit = Limit::kNone;
  bool of_conversation = true;  // on the user socket it must name its conversation
  bool answers_itself = false;  // its answer comes later; no plain ack for its `ref`
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
