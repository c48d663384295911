#include "django/msgpack.h"

#include <bit>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "django/float_text.h"

namespace parley::django {
namespace {

// Type bytes of the specification.
enum : uint8_t {
  kNil = 0xC0,
  kFalse = 0xC2,
  kTrue = 0xC3,
  kBin8 = 0xC4,
  kBin16 = 0xC5,
  kBin32 = 0xC6,
  kFloat32 = 0xCA,
  kFloat64 = 0xCB,
  kUint8 = 0xCC,
  kUint16 = 0xCD,
  kUint32 = 0xCE,
  kUint64 = 0xCF,
  kInt8 = 0xD0,
  kInt16 = 0xD1,
  kInt32 = 0xD2,
  kInt64 = 0xD3,
  kStr8 = 0xD9,
  kStr16 = 0xDA,
  kStr32 = 0xDB,
  kArray16 = 0xDC,
  kArray32 = 0xDD,
  kMap16 = 0xDE,
  kMap32 = 0xDF,
};

void AppendByte(std::string& out, uint64_t byte) { out += static_cast<char>(byte & 0xFF); }

void AppendBigEndian(std::string& out, uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) AppendByte(out, number >> shift);
}

void AppendTyped(std::string& out, uint8_t type, uint64_t number, int bytes) {
  AppendByte(out, type);
  AppendBigEndian(out, number, bytes);
}

void AppendUnsigned(std::string& out, uint64_t number) {
  if (number < 0x80) return AppendByte(out, number);
  if (number <= 0xFF) return AppendTyped(out, kUint8, number, 1);
  if (number <= 0xFFFF) return AppendTyped(out, kUint16, number, 2);
  if (number <= 0xFFFFFFFF) return AppendTyped(out, kUint32, number, 4);
  AppendTyped(out, kUint64, number, 8);
}

void AppendNegative(std::string& out, int64_t number) {
  const auto bits = static_cast<uint64_t>(number);
  if (number >= -32) return AppendByte(out, bits);
  if (number >= INT8_MIN) return AppendTyped(out, kInt8, bits, 1);
  if (number >= INT16_MIN) return AppendTyped(out, kInt16, bits, 2);
  if (number >= INT32_MIN) return AppendTyped(out, kInt32, bits, 4);
  AppendTyped(out, kInt64, bits, 8);
}

template <class Number>
bool Reads(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// `fix` is the type byte of lengths below `fix_limit`; 0: there is none.
void AppendLength(std::string& out, size_t size, uint8_t fix, size_t fix_limit, uint8_t type8,
                  uint8_t type16, uint8_t type32) {
  if (size < fix_limit) return AppendByte(out, fix | size);
  if (type8 != 0 && size <= 0xFF) return AppendTyped(out, type8, size, 1);
  if (size <= 0xFFFF) return AppendTyped(out, type16, size, 2);
  AppendTyped(out, type32, size, 4);
}

void AppendString(std::string& out, std::string_view text) {
  AppendLength(out, text.size(), 0xA0, 32, kStr8, kStr16, kStr32);
  out += text;
}

void AppendNumber(std::string& out, const std::string& text) {
  uint64_t positive = 0;
  int64_t negative = 0;
  if (Reads(text, positive)) return AppendUnsigned(out, positive);
  if (Reads(text, negative) && negative < 0) return AppendNegative(out, negative);
  if (text == "-0") return AppendUnsigned(out, 0);  // as json.loads
  const double number = std::strtod(text.c_str(), nullptr);
  // Beyond a double's range: Python would pass on an infinity, which is not JSON.
  if (!std::isfinite(number)) return AppendString(out, text);
  AppendTyped(out, kFloat64, std::bit_cast<uint64_t>(number), 8);
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  std::optional<Value> Decode() {
    Value value;
    if (!Read(value, 1) || !rest_.empty()) return std::nullopt;
    return value;
  }

 private:
  bool TakeNumber(int bytes, uint64_t& out) {
    if (rest_.size() < static_cast<size_t>(bytes)) return false;
    out = 0;
    for (int i = 0; i < bytes; ++i)
      out = out << 8 | static_cast<uint8_t>(rest_[static_cast<size_t>(i)]);
    rest_.remove_prefix(static_cast<size_t>(bytes));
    return true;
  }
  bool TakeBytes(uint64_t size, std::string_view& out) {
    if (size > rest_.size()) return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  bool Read(Value& out, int depth) {
    uint64_t type = 0;
    if (depth > kMostDepth || ++values_ > kMostValues || !TakeNumber(1, type)) return false;
    if (type < 0x80) return Integer(out, static_cast<int64_t>(type));
    if (type < 0x90) return ReadMap(out, type & 15, depth);
    if (type < 0xA0) return ReadArray(out, type & 15, depth);
    if (type < 0xC0) return ReadString(out, type & 31);
    if (type >= 0xE0) return Integer(out, static_cast<int64_t>(type) - 256);
    return ReadTyped(out, static_cast<uint8_t>(type), depth);
  }

  static bool Integer(Value& out, int64_t number) {
    out = Value::Int(number);
    return true;
  }

  bool ReadTyped(Value& out, uint8_t type, int depth) {
    switch (type) {
      case kNil:
        out = Value();
        return true;
      case kFalse:
      case kTrue:
        out = Value::Bool(type == kTrue);
        return true;
      case kFloat32:
      case kFloat64:
        return ReadFloat(out, type);
      case kUint8:
      case kUint16:
      case kUint32:
      case kUint64:
      case kInt8:
      case kInt16:
      case kInt32:
      case kInt64:
        return ReadInteger(out, type);
      default:
        return ReadSized(out, type, depth);
    }
  }

  bool ReadFloat(Value& out, uint8_t type) {
    uint64_t bits = 0;
    if (!TakeNumber(type == kFloat32 ? 4 : 8, bits)) return false;
    const double number = type == kFloat32 ? std::bit_cast<float>(static_cast<uint32_t>(bits))
                                           : std::bit_cast<double>(bits);
    out = std::isfinite(number) ? Value::Number(FloatText(number)) : Value();
    return true;
  }

  bool ReadInteger(Value& out, uint8_t type) {
    const bool is_signed = type >= kInt8;
    const int bytes = 1 << ((type - kUint8) & 3);  // the signed types follow the unsigned ones
    uint64_t bits = 0;
    if (!TakeNumber(bytes, bits)) return false;
    if (!is_signed) {
      out = Value::Number(std::to_string(bits));
      return true;
    }
    const int shift = 64 - 8 * bytes;
    return Integer(out, static_cast<int64_t>(bits << shift) >> shift);
  }

  bool ReadSized(Value& out, uint8_t type, int depth) {
    uint64_t size = 0;
    std::string_view bytes;
    switch (type) {
      case kBin8:
      case kBin16:
      case kBin32:
        if (!TakeNumber(1 << (type - kBin8), size) || !TakeBytes(size, bytes)) return false;
        out = Value::Bytes(std::string(bytes));
        return true;
      case kStr8:
      case kStr16:
      case kStr32:
        return TakeNumber(1 << (type - kStr8), size) && ReadString(out, size);
      case kArray16:
      case kArray32:
        return TakeNumber(type == kArray16 ? 2 : 4, size) && ReadArray(out, size, depth);
      case kMap16:
      case kMap32:
        return TakeNumber(type == kMap16 ? 2 : 4, size) && ReadMap(out, size, depth);
      default:
        return false;  // 0xC1, and extension types
    }
  }

  bool ReadString(Value& out, uint64_t size) {
    std::string_view text;
    if (!TakeBytes(size, text) || !IsUtf8(text)) return false;
    out = Value::String(std::string(text));
    return true;
  }

  bool ReadArray(Value& out, uint64_t size, int depth) {
    if (size > rest_.size()) return false;  // each item has at least one byte
    std::vector<Value> items;
    for (uint64_t i = 0; i < size; ++i) {
      Value item;
      if (!Read(item, depth + 1)) return false;
      items.push_back(std::move(item));
    }
    out = Value::Array(std::move(items));
    return true;
  }

  bool ReadMap(Value& out, uint64_t size, int depth) {
    if (size > rest_.size() / 2) return false;
    std::vector<Field> fields;
    for (uint64_t i = 0; i < size; ++i) {
      Value name, value;
      if (!Read(name, kMostDepth) || !Read(value, depth + 1)) return false;
      // msgpack-python writes a key of type bytes as `bin`.
      const bool is_text =
          name.is(Value::Kind::kString) || (name.is(Value::Kind::kBytes) && IsUtf8(name.text()));
      if (!is_text) return false;
      fields.push_back({name.text(), std::move(value)});
    }
    if (HasDuplicates(fields)) return false;
    out = Value::Object(std::move(fields));
    return true;
  }

  std::string_view rest_;
  size_t values_ = 0;
};

}  // namespace

void AppendMsgpack(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return AppendByte(out, kNil);
    case Value::Kind::kBool:
      return AppendByte(out, value.flag() ? kTrue : kFalse);
    case Value::Kind::kNumber:
      return AppendNumber(out, value.text());
    case Value::Kind::kString:
      return AppendString(out, value.text());
    case Value::Kind::kBytes:
      AppendLength(out, value.text().size(), 0, 0, kBin8, kBin16, kBin32);
      out += value.text();
      return;
    case Value::Kind::kArray:
      AppendLength(out, value.items().size(), 0x90, 16, 0, kArray16, kArray32);
      for (const Value& item : value.items()) AppendMsgpack(out, item);
      return;
    case Value::Kind::kObject:
      AppendLength(out, value.fields().size(), 0x80, 16, 0, kMap16, kMap32);
      for (const Field& field : value.fields()) {
        AppendString(out, field.name);
        AppendMsgpack(out, field.value);
      }
      return;
  }
}

std::optional<Value> DecodeMsgpack(std::string_view bytes) {
  if (bytes.size() > kMostBytes) return std::nullopt;
  return Decoder(bytes).Decode();
}

}  // namespace parley::django
