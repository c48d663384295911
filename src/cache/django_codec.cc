#include "cache/django_codec.h"

#include <zlib.h>

#include <charconv>
#include <stdexcept>

namespace parley {
namespace {

constexpr size_t kLeastCompressed = 15;  // django-redis compresses what is longer
constexpr int kLevel = 6;
constexpr int kZlibOrGzip = 15 + 32;  // inflateInit2: detect the header

bool IsPickle(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
}

std::optional<int64_t> ParseDigits(std::string_view bytes) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
  if (error != std::errc() || end != bytes.data() + bytes.size()) return std::nullopt;
  return number;
}

enum class Inflated : uint8_t { kNotCompressed, kTooLong, kDone };

Inflated Inflate(std::string_view bytes, size_t most_bytes, std::string& out) {
  z_stream stream{};
  if (inflateInit2(&stream, kZlibOrGzip) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  char some[16 * 1024];
  while (status == Z_OK && out.size() <= most_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(some);
    stream.avail_out = sizeof some;
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(some, sizeof some - stream.avail_out);
  }
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (out.size() > most_bytes) return Inflated::kTooLong;
  return whole ? Inflated::kDone : Inflated::kNotCompressed;
}

}  // namespace

std::string DjangoCacheKey(std::string_view prefix, int version, std::string_view key) {
  std::string out(prefix);
  out += ':';
  out += std::to_string(version);
  out += ':';
  out += key;
  return out;
}

std::string CacheKey(std::string_view prefix, std::string_view key) {
  return DjangoCacheKey(prefix, 1, "parley:" + std::string(key));
}

std::string EncodeCacheJson(std::string_view json, CacheCompressor compressor) {
  if (compressor == CacheCompressor::kNone || json.size() <= kLeastCompressed) {
    return std::string(json);
  }
  uLongf size = compressBound(static_cast<uLong>(json.size()));
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                reinterpret_cast<const Bytef*>(json.data()), static_cast<uLong>(json.size()),
                kLevel) != Z_OK) {
    throw std::bad_alloc();
  }
  out.resize(size);
  return out;
}

std::optional<CacheValue> DecodeCacheValue(std::string_view bytes, size_t most_bytes) {
  if (const auto number = ParseDigits(bytes)) return CacheValue(*number);
  std::string text;
  switch (Inflate(bytes, most_bytes, text)) {
    case Inflated::kTooLong:
      return std::nullopt;
    case Inflated::kNotCompressed:
      if (bytes.size() > most_bytes) return std::nullopt;
      text = bytes;
      break;
    case Inflated::kDone:
      break;
  }
  if (IsPickle(text)) return std::nullopt;
  return CacheValue(CacheJson{std::move(text)});
}

}  // namespace parley
