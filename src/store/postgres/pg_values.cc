#include "store/postgres/pg_values.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstring>
#include <utility>

#include "store/sql_session.h"

namespace parley {
namespace {

// Types of pg_type; their numbers never change.
constexpr Oid kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kTimestampTz = 1184, kUuid = 2950,
              kJsonb = 3802;
constexpr char kJsonbVersion = 1;
// Array types and the types of their elements.
constexpr std::pair<Oid, Oid> kArrays[] = {
    {1001, 17},                                       // bytea
    {1005, kInt2}, {1007, kInt4},        {1009, 25},  // text
    {1016, kInt8}, {1185, kTimestampTz}, {2951, kUuid}, {3807, kJsonb},
};
// The header of an array of one dimension: dimensions, whether it has NULL, type, number of elements, first index.
constexpr size_t kHasNullAt = 4, kCountAt = 12;
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

}  // namespace

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

namespace {

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

std::optional<std::string> PgText(Oid type, std::string_view text) {
  if (type == kInt8 || type == kInt4) {
    int64_t value = 0;
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data(), end, value).ptr != end) return std::nullopt;
    if (std::to_string(value) != text) return std::nullopt;  // "007", or empty
    if (type == kInt4 && value != static_cast<int32_t>(value)) return std::nullopt;
    return PgNumber(type, value);
  }
  if (type == kUuid) {
    const std::optional<Uuid> id = Uuid::Parse(text);
    if (!id || id->ToString() != text) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(id->bytes.data()), id->bytes.size());
  }
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
  switch (type) {
    case kJsonb:
      return WithoutWhiteSpace(bytes.substr(1));
    case kInt8:
    case kInt4:
      return std::to_string(NumberFromPg(type, bytes));
    case kUuid: {
      Uuid id;
      if (bytes.size() == id.bytes.size()) std::ranges::copy(bytes, id.bytes.begin());
      return id.ToString();
    }
    default:
      return std::string(bytes);
  }
}

bool IsPlainText(Oid type) {
  return type != kJsonb && type != kInt8 && type != kInt4 && type != kUuid;
}

Oid PgElementType(Oid type) {
  const auto* found = std::ranges::find(kArrays, type, &std::pair<Oid, Oid>::first);
  return found == std::end(kArrays) ? 0 : found->second;
}

void PgAppend(std::string& array, Oid element_type, const std::optional<std::string>& element) {
  if (array.empty()) {
    array = BigEndian<int32_t>(1) + BigEndian<int32_t>(0) +
            BigEndian<int32_t>(static_cast<int32_t>(element_type)) + BigEndian<int32_t>(0) +
            BigEndian<int32_t>(1);
  }
  const int64_t count = FromBigEndian<int32_t>(std::string_view(array).substr(kCountAt)) + 1;
  array.replace(kCountAt, sizeof(int32_t), BigEndian<int32_t>(static_cast<int32_t>(count)));
  if (element) {
    array += BigEndian<int32_t>(static_cast<int32_t>(element->size()));
    array += *element;
  } else {
    array.replace(kHasNullAt, sizeof(int32_t), BigEndian<int32_t>(1));
    array += BigEndian<int32_t>(-1);
  }
}

}  // namespace parley
