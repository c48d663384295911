#include "net/deflate.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace parley {
namespace {

constexpr int kLargestWindow = 15;
constexpr int kLevel = 5;
constexpr int kMemoryLevel = 8;
constexpr size_t kPieceOut = 16 * 1024;
constexpr std::string_view kTail("\0\0\xff\xff", 4);  // ends a message; not transmitted

const Bytef* BytesOf(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

constexpr size_t kMostIn = std::numeric_limits<uInt>::max();

}  // namespace

struct Inflater::Stream {
  z_stream z{};
  bool after_last_block = false;  // a final block has ended without further input
};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {
  if (inflateInit2(&stream_->z, -kLargestWindow) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(&stream_->z); }

Inflater::Status Inflater::Feed(std::string_view piece, std::string& out, size_t max_size) {
  z_stream& z = stream_->z;
  std::array<char, kPieceOut> buffer;
  while (true) {
    if (z.avail_in == 0) {
      const std::string_view part = piece.substr(0, kMostIn);
      piece.remove_prefix(part.size());
      z.next_in = BytesOf(part);
      z.avail_in = static_cast<uInt>(part.size());
    }
    if (z.avail_in > 0) stream_->after_last_block = false;
    z.next_out = reinterpret_cast<Bytef*>(buffer.data());
    z.avail_out = buffer.size();
    const int result = inflate(&z, Z_SYNC_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Status::kBroken;
    const size_t got = buffer.size() - z.avail_out;
    if (got > max_size - out.size()) return Status::kTooBig;
    out.append(buffer.data(), got);
    if (result == Z_STREAM_END) {
      // RFC 7692 §7.2.3.4: a message may continue after a final block.
      inflateReset(&z);
      stream_->after_last_block = true;
    } else if (z.avail_in == 0 && piece.empty() && z.avail_out > 0) {
      return Status::kOk;
    } else if (result == Z_BUF_ERROR && got == 0) {
      return Status::kBroken;
    }
    if (z.avail_in == 0 && piece.empty() && stream_->after_last_block) return Status::kOk;
  }
}

Inflater::Status Inflater::Finish(std::string& out, size_t max_size) {
  if (stream_->after_last_block) return Status::kOk;
  if (const Status status = Feed(kTail, out, max_size); status != Status::kOk) return status;
  // zlib's position: between two blocks (128), plus the number of unused bits (the low six).
  const bool between_blocks = (stream_->z.data_type & 128) != 0;
  const bool whole = between_blocks && (stream_->z.data_type & 63) == 0;
  return whole || stream_->after_last_block ? Status::kOk : Status::kBroken;
}

std::string Deflate(std::string_view message, int window_bits) {
  z_stream z{};
  if (deflateInit2(&z, kLevel, Z_DEFLATED, -window_bits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out;
  try {
    std::array<char, kPieceOut> buffer;
    do {
      if (z.avail_in == 0) {
        const std::string_view part = message.substr(0, kMostIn);
        message.remove_prefix(part.size());
        z.next_in = BytesOf(part);
        z.avail_in = static_cast<uInt>(part.size());
      }
      z.next_out = reinterpret_cast<Bytef*>(buffer.data());
      z.avail_out = buffer.size();
      deflate(&z, message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
      out.append(buffer.data(), buffer.size() - z.avail_out);
    } while (z.avail_in > 0 || !message.empty() || z.avail_out == 0);
  } catch (...) {
    deflateEnd(&z);
    throw;
  }
  deflateEnd(&z);
  out.resize(out.size() - kTail.size());
  return out;
}

}  // namespace parley
