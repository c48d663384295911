// A request body that the handler reads in pieces, with bounded memory. The connection, which fills it,
// and the handler, which can outlive the connection, share it. Threads: one shard.
#pragma once
#include <string>
#include <string_view>

#include "base/answer.h"
#include "base/executor.h"

namespace parley {

class BodyStream {
 public:
  // While more bytes than this are buffered, the server does not read from the connection.
  static constexpr size_t kHeld = 64 * 1024;

  // `on_room` is called when the buffer has room again, unless the body has ended: the next request must
  // not be read before the handler has responded.
  BodyStream(Executor& on, Callback on_room) : on_(on), on_room_(std::move(on_room)) {}

  // --- the handler's side

  // The next bytes; empty at the end. Errors: request_timeout, too_large, bad_request (incomplete or
  // malformed).
  Task<Result<std::string>> Next();

  // --- the connection's side

  void Push(std::string_view bytes);
  void End();
  // Ends the body with an error and drops buffered bytes.
  void Fail(Error error);
  bool full() const { return held_.size() >= kHeld; }
  // True after End or Fail.
  bool over() const { return ended_ || error_.has_value(); }

 private:
  bool Ready() const { return over() || !held_.empty(); }
  void Wake();
  Result<std::string> Take();

  Executor& on_;
  Callback on_room_;
  std::string held_;
  bool ended_ = false;
  std::optional<Error> error_;
  Resolve<bool> waiting_;
};

}  // namespace parley
