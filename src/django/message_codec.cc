#include "django/message_codec.h"

#include "base/ids.h"
#include "django/json_text.h"
#include "django/msgpack.h"

namespace parley::django {

// Room for base64 and padding around a message of the maximum size.
constexpr size_t kMostEncoded = 2 * kMostBytes;

MessageCodec::MessageCodec(Options options) : options_(std::move(options)) {
  if (!options_.keys.empty()) fernet_.emplace(options_.keys);
}

std::string MessageCodec::Encode(const Value& message, Timestamp now) const {
  std::string out(options_.random_prefix, '\0');
  RandomBytes({reinterpret_cast<uint8_t*>(out.data()), out.size()});
  std::string body;
  std::string& packed = fernet_ ? body : out;
  if (options_.serializer == Serializer::kMsgpack) {
    AppendMsgpack(packed, message);
  } else {
    AppendPythonJson(packed, message);
  }
  if (fernet_) out += fernet_->Encrypt(body, now);
  return out;
}

std::optional<Value> MessageCodec::Decode(std::string_view bytes, Timestamp now) const {
  if (bytes.size() < options_.random_prefix || bytes.size() > kMostEncoded) return std::nullopt;
  bytes.remove_prefix(options_.random_prefix);
  std::optional<std::string> plain;
  if (fernet_) {
    plain = fernet_->Decrypt(bytes, now, options_.ttl);
    if (!plain) return std::nullopt;
    bytes = *plain;
  }
  std::optional<Value> message =
      options_.serializer == Serializer::kMsgpack ? DecodeMsgpack(bytes) : ParseJson(bytes);
  if (!message || !message->is(Value::Kind::kObject)) return std::nullopt;
  return message;
}

std::vector<std::string> TakeChannels(Value& message) {
  std::vector<std::string> channels;
  const auto add = [&](const Value& name) {
    if (name.is(Value::Kind::kString)) channels.push_back(name.text());
  };
  const Value names = message.Take(kChannelField);
  if (names.is(Value::Kind::kArray)) {
    for (const Value& name : names.items()) add(name);
  } else {
    add(names);
  }
  return channels;
}

}  // namespace parley::django
