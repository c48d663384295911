// DEFLATE for permessage-deflate (RFC 7692 §7.2), without I/O. There is no context takeover in either
// direction: no memory is kept between messages, all readers share one compressed message, and the size
// of a message reveals nothing about another one.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace parley {

// Decompresses one message that arrives in pieces. Threads: one.
class Inflater {
 public:
  enum class Status {
    kOk,
    kBroken,  // not valid DEFLATE, or incomplete
    kTooBig,  // the output would exceed the limit; it is truncated to the limit
  };

  Inflater();  // throws std::bad_alloc
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends the decompressed `piece` to `out`, which can grow to `max_size` bytes in total.
  Status Feed(std::string_view piece, std::string& out, size_t max_size);
  // Appends the rest after the last piece.
  Status Finish(std::string& out, size_t max_size);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

// Compresses a complete message, without the four bytes that RFC 7692 omits. `window_bits`: 9 to
// 15. Throws std::bad_alloc.
std::string Deflate(std::string_view message, int window_bits);

}  // namespace parley
