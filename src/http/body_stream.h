// The body of a request whose handler takes it piece by piece, in memory that does not grow with it.
// One shard's thread. Shared by the connection, which fills it, and the handler, which may outlive
// the connection.
#pragma once
#include <string>
#include <string_view>

#include "base/answer.h"
#include "base/executor.h"

namespace parley {

class BodyStream {
 public:
  // Above it the connection is not read until the handler has taken what is there.
  static constexpr size_t kHeld = 64 * 1024;

  // `on_room`: called when there is room again after there was none.
  BodyStream(Executor& on, Callback on_room) : on_(on), on_room_(std::move(on_room)) {}

  // --- the handler's side

  // The next bytes; empty: that was all. Errors: request_timeout, too_large, bad_request (cut
  // short, or badly framed).
  Task<Result<std::string>> Next();

  // --- the connection's side

  void Push(std::string_view bytes);
  void End();
  // No more comes; what is held is forgotten.
  void Fail(Error error);
  bool full() const { return held_.size() >= kHeld; }
  // End or Fail was called.
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
