#include "store/postgres/pg_values.h"

#include <bit>
#include <concepts>
#include <cstring>

#include "store/sql_session.h"

namespace parley {
namespace {

// Types of pg_type; their numbers never change.
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kTimestampTz = 1184, kJsonb = 3802;
constexpr char kJsonbVersion = 1;
// PostgreSQL counts microseconds from 2000-01-01.
constexpr int64_t kEpoch = 946'684'800'000'000;

template <std::integral T>
std::string BigEndian(T value) {
  std::string bytes(sizeof(T), '\0');
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[sizeof(T) - 1 - i] =
        static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i));
  }
  return bytes;
}

template <std::integral T>
int64_t FromBigEndian(std::string_view bytes) {
  std::make_unsigned_t<T> value = 0;
  for (const char c : bytes.substr(0, sizeof(T))) {
    value = static_cast<decltype(value)>(uint64_t{value} << 8 | static_cast<uint8_t>(c));
  }
  return static_cast<T>(value);
}

std::string WithoutWhiteSpace(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') {
      out += c;
      out += json[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || c != ' ') out += c;
  }
  return out;
}

[[noreturn]] void Misfit(const char* what, Oid type) {
  throw StoreFailure("postgres: no " + std::string(what) + " goes with type " +
                     std::to_string(type));
}

}  // namespace

std::string PgNumber(Oid type, int64_t value) {
  switch (type) {
    case kInt8:
      return BigEndian<int64_t>(value);
    case kInt4:
      return BigEndian<int32_t>(static_cast<int32_t>(value));
    case kInt2:
      return BigEndian<int16_t>(static_cast<int16_t>(value));
    case kBool:
      return std::string(1, value != 0 ? 1 : 0);
    case kTimestampTz:
      return BigEndian<int64_t>(value - kEpoch);
    default:
      Misfit("number", type);
  }
}

std::string PgText(Oid type, std::string_view text) {
  std::string bytes;
  if (type == kJsonb) bytes += kJsonbVersion;
  return bytes.append(text);
}

int64_t NumberFromPg(Oid type, std::string_view bytes) {
  switch (type) {
    case kInt8:
      return FromBigEndian<int64_t>(bytes);
    case kInt4:
      return FromBigEndian<int32_t>(bytes);
    case kInt2:
      return FromBigEndian<int16_t>(bytes);
    case kBool:
      return bytes.front() != 0 ? 1 : 0;
    case kTimestampTz:
      return FromBigEndian<int64_t>(bytes) + kEpoch;
    default:
      Misfit("number", type);
  }
}

std::string TextFromPg(Oid type, std::string_view bytes) {
  return type == kJsonb ? WithoutWhiteSpace(bytes.substr(1)) : std::string(bytes);
}

bool IsPlainText(Oid type) { return type != kJsonb; }

}  // namespace parley
