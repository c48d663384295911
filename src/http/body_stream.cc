#include "http/body_stream.h"

#include <utility>

namespace parley {

Task<Result<std::string>> BodyStream::Next() {
  if (!Ready()) {
    auto wait = Suspend<bool>([this](Resolve<bool> resolve) { waiting_ = std::move(resolve); });
    co_await wait;
  }
  co_return Take();
}

Result<std::string> BodyStream::Take() {
  if (error_) return parley::Fail(*error_);
  const bool was_full = full();
  std::string bytes = std::exchange(held_, {});
  if (was_full && !over()) on_room_();
  return bytes;
}

void BodyStream::Push(std::string_view bytes) {
  if (over()) return;
  held_.append(bytes);
  Wake();
}

void BodyStream::End() {
  ended_ = true;
  Wake();
}

void BodyStream::Fail(Error error) {
  if (over()) return;
  error_ = std::move(error);
  held_.clear();
  Wake();
}

// Posts the wake-up to the event loop, because the caller is inside the parser.
void BodyStream::Wake() {
  if (!waiting_) return;
  on_.Post([waiting = std::exchange(waiting_, {})]() mutable { waiting(true); });
}

}  // namespace parley
