// SharedBytes: immutable, reference-counted bytes that many connections share. A SharedBytes has the
// size of one pointer, so a queue of a thousand frames is eight kilobytes. Threads: any.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace parley {

class SharedBytes {
 public:
  SharedBytes() = default;
  // Copies the concatenated parts into one new block.
  explicit SharedBytes(std::string_view first, std::string_view second = {}) {
    const size_t size = first.size() + second.size();
    void* memory = std::malloc(sizeof(Block) + size);
    if (memory == nullptr) throw std::bad_alloc();
    block_ = new (memory) Block{{1}, size};
    std::memcpy(block_->data(), first.data(), first.size());
    if (!second.empty()) std::memcpy(block_->data() + first.size(), second.data(), second.size());
  }
  SharedBytes(const SharedBytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBytes() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::free(block_);
    }
  }

  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool empty() const { return size() == 0; }
  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->data(), block_->size);
  }

 private:
  struct Block {
    std::atomic<size_t> references;
    size_t size;
    char* data() { return reinterpret_cast<char*>(this + 1); }
  };
  Block* block_ = nullptr;
};

// Bytes that the first reader makes, for example the frame of a shared event. A copy is empty.
// Threads: any; readers that find no bytes at the same time each make them, and one result is kept.
class LazyBytes {
 public:
  LazyBytes() = default;
  LazyBytes(const LazyBytes&) {}
  LazyBytes& operator=(const LazyBytes&) = delete;

  // Returns the bytes, which live as long as this object; `make` returns a SharedBytes.
  template <class Make>
  const SharedBytes& Get(Make make) const {
    if (state_.load(std::memory_order_acquire) != kMade) Keep(make());
    return bytes_;
  }

 private:
  enum State : uint8_t { kEmpty, kWriting, kMade };
  void Keep(SharedBytes made) const {
    State state = kEmpty;
    if (state_.compare_exchange_strong(state, kWriting, std::memory_order_acq_rel)) {
      bytes_ = std::move(made);
      state_.store(kMade, std::memory_order_release);
      state_.notify_all();
      return;
    }
    while (state == kWriting) {
      state_.wait(kWriting, std::memory_order_acquire);
      state = state_.load(std::memory_order_acquire);
    }
  }
  mutable std::atomic<State> state_{kEmpty};
  mutable SharedBytes bytes_;
};

}  // namespace parley
