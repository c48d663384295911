// A move-only callable, used for tasks posted between threads. Captures of up to 56 bytes are stored
// inside it; larger ones cost one allocation. (std::move_only_function is C++23.)
#pragma once
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace parley {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  UniqueFunction(F&& f) {  // NOLINT: implicit, as std::function
    using Callable = std::decay_t<F>;
    if constexpr (Fits<Callable>) {
      new (storage_) Callable(std::forward<F>(f));
      operations_ = &kInline<Callable>;
    } else {
      new (storage_) Callable*(new Callable(std::forward<F>(f)));
      operations_ = &kHeap<Callable>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { Take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  ~UniqueFunction() { Reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  R operator()(Args... args) { return operations_->call(storage_, std::forward<Args>(args)...); }

 private:
  static constexpr size_t kSize = 56;
  struct Operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to);  // destroys `from`
    void (*destroy)(void*);
  };
  template <class F>
  static constexpr bool Fits = sizeof(F) <= kSize && alignof(F) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<F>;

  template <class F>
  static constexpr Operations kInline = {
      [](void* at, Args&&... args) -> R {
        return (*static_cast<F*>(at))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) {
        new (to) F(std::move(*static_cast<F*>(from)));
        static_cast<F*>(from)->~F();
      },
      [](void* at) { static_cast<F*>(at)->~F(); }};

  template <class F>
  static constexpr Operations kHeap = {
      [](void* at, Args&&... args) -> R {
        return (**static_cast<F**>(at))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) { new (to) F*(*static_cast<F**>(from)); },
      [](void* at) { delete *static_cast<F**>(at); }};

  void Take(UniqueFunction& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(other.storage_, storage_);
  }
  void Reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(storage_);
  }

  alignas(std::max_align_t) std::byte storage_[kSize];
  const Operations* operations_ = nullptr;
};

}  // namespace parley
