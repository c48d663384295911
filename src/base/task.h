// Task<T>: a coroutine that starts when it is awaited and resumes its awaiter when it ends. Threads: a
// task stays on one thread; every operation that it awaits must resume it on the thread on which it
// was started. (Asio's awaitable<> only awaits Asio operations and allocates a frame stack per call;
// docs/adr/0001.)
//
// g++ 12 miscompiles `co_await` in one expression with a capturing lambda or a braced temporary:
// assign the awaitable to a variable first.
#pragma once
#include <coroutine>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/unique_function.h"

namespace parley {

template <class T>
class Task;

namespace task_internal {

struct PromiseBase {
  std::coroutine_handle<> continuation;
  bool detached = false;

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      PromiseBase& promise = self.promise();
      if (promise.detached) {
        self.destroy();
        return std::noop_coroutine();
      }
      return promise.continuation ? promise.continuation : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  // Tasks return Result; an exception here is a bug, and aborting loses no acknowledged write.
  void unhandled_exception() noexcept { std::abort(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
};

}  // namespace task_internal

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*handle_.promise().value);
  }

  // Starts the task on this thread without an awaiter; its frame frees itself at the end.
  void Detach() && {
    Handle handle = std::exchange(handle_, {});
    handle.promise().detached = true;
    handle.resume();
  }

 private:
  Handle handle_;
};

template <class T>
Task<T> task_internal::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> task_internal::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Awaits one value from a callback interface:
//   auto op = Suspend<int>([&](Resolve<int> resolve) { other.Ask(std::move(resolve)); });
//   int answer = co_await op;
// The resolver is called exactly once, on the thread of the awaiting task.
template <class T>
using Resolve = UniqueFunction<void(T)>;

template <class T>
class Suspended {
 public:
  explicit Suspended(UniqueFunction<void(Resolve<T>)> start) : start_(std::move(start)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    auto start = std::move(start_);  // `this` can be destroyed before start returns
    start([this](T value) {
      value_.emplace(std::move(value));
      awaiting_.resume();
    });
  }
  T await_resume() { return std::move(*value_); }

 private:
  UniqueFunction<void(Resolve<T>)> start_;
  std::coroutine_handle<> awaiting_;
  std::optional<T> value_;
};

template <class T, class Start>
Suspended<T> Suspend(Start start) {
  return Suspended<T>(std::move(start));
}

}  // namespace parley
