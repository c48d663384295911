// Awaits a call that ends in `Executor& on, Answer<T> done`:
//   auto reading = Ask(executor, store, &MessageStore::ReadMessage, message, user, as_service);
//   Result<Message> found = co_await reading;
// Name the awaitable first: see base/task.h.
#pragma once
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/answer.h"
#include "base/executor.h"

namespace parley {

namespace ask_internal {

template <class Answer>
struct Answered;
template <class T>
struct Answered<UniqueFunction<void(T)>> {
  using Type = T;
};
template <class... Parameters>
using Last = std::tuple_element_t<sizeof...(Parameters) - 1, std::tuple<Parameters...>>;

}  // namespace ask_internal

// Holds the arguments until the awaitable is awaited, and then moves them into the call. `on`, the
// executor of the awaiting task, and `object` must exist until then.
template <class Object, class... Parameters, class... Arguments>
auto Ask(Executor& on, std::type_identity_t<Object>& object, void (Object::*method)(Parameters...),
         Arguments&&... arguments) {
  using T = typename ask_internal::Answered<ask_internal::Last<Parameters...>>::Type;
  return Suspend<T>([&on, &object, method,
                     held = std::tuple<std::decay_t<Arguments>...>(
                         std::forward<Arguments>(arguments)...)](Resolve<T> done) mutable {
    std::apply([&](auto&... each) { (object.*method)(std::move(each)..., on, std::move(done)); },
               held);
  });
}

}  // namespace parley
