// DEFLATE as permessage-deflate uses it (RFC 7692 §7.2), without I/O. Each message stands alone: no
// context is taken over in either direction, so nothing is kept between messages, one compressed
// message serves every reader, and what one message holds cannot be guessed from another's size.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace parley {

// Opens one compressed message that comes in pieces. Not thread-safe.
class Inflater {
 public:
  enum class Status {
    kOk,
    kBroken,  // not DEFLATE, or cut short
    kTooBig,  // more than the limit comes out; the output holds no more than that
  };

  Inflater();  // throws std::bad_alloc
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends what comes out of `piece` to `out`, which may grow to `max_size` bytes in all.
  Status Feed(std::string_view piece, std::string& out, size_t max_size);
  // After the last piece: appends the rest.
  Status Finish(std::string& out, size_t max_size);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

// A whole message, compressed, without the four bytes that RFC 7692 leaves out. `window_bits`: 9 to
// 15. Throws std::bad_alloc.
std::string Deflate(std::string_view message, int window_bits);

}  // namespace parley
