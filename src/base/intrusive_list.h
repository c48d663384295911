// A doubly linked list with the links inside its elements, so that moving or removing an element
// allocates no memory. The list does not own its elements: remove an element before it is destroyed.
// Threads: one.
#pragma once
#include <cstddef>

namespace parley {

template <class T>
struct ListLink {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <class T, ListLink<T> T::* Link>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& front() { return *front_; }

  // Appends the element, or moves it to the back if it is in the list already.
  void MoveToBack(T& element) {
    if (back_ == &element) return;
    Remove(element);
    ListLink<T>& link = element.*Link;
    link = {back_, nullptr, true};
    (back_ == nullptr ? front_ : (back_->*Link).next) = &element;
    back_ = &element;
    ++size_;
  }
  void Remove(T& element) {
    ListLink<T>& link = element.*Link;
    if (!link.linked) return;
    (link.previous == nullptr ? front_ : (link.previous->*Link).next) = link.next;
    (link.next == nullptr ? back_ : (link.next->*Link).previous) = link.previous;
    link = {};
    --size_;
  }

 private:
  T* front_ = nullptr;
  T* back_ = nullptr;
  size_t size_ = 0;
};

}  // namespace parley
