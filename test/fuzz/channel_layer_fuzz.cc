// A message on the channel layer comes from Django, or from anything else that can write to that Redis:
// no bytes crash the decoders or the translation, and what the decoders take is written back as something
// that reads the same.
//
// Input: the first byte selects the encoding (bit 0: JSON; bit 1: encrypted), the rest is the message
// without random prefix. An encrypted input is first read as a token, then as the plain text of one.
// Sources: src/django/message_codec.cc src/django/msgpack.cc src/django/json_text.cc src/django/fernet.cc
// Sources: src/django/float_text.cc src/django/value.cc src/django/from_django.cc src/django/to_django.cc
// Sources: src/auth/base64url.cc src/domain/text.cc src/base/utf8.cc src/protocol/json_writer.cc
// Sources: src/base/clock.cc src/base/ids.cc src/base/keyed_hash.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "django/from_django.h"
#include "django/json_text.h"
#include "django/message_codec.h"
#include "django/msgpack.h"
#include "django/to_django.h"

namespace {

using namespace parley;
using namespace parley::django;

constexpr Timestamp kNow{1'700'000'000'000'000};
const std::vector<std::string> kKeys{"secret-key-one", "older"};
const AllowedTypes kAllowed(std::vector<std::string>{"notice"});

void Require(bool held) {
  if (!held) std::abort();
}

void Translate(const Value& message) {
  const Uuid conversation{{1}};
  const auto received = FromDjango(conversation, message, kAllowed, kNow);
  if (const auto* const event = std::get_if<DjangoEvent>(&received)) {
    Require(event->json.size() > kMostBytes || ParseJson(event->json).has_value());
  }
  FromDjango(UserId("ann"), message, kAllowed);
  if (const auto sent = ToDjango(message, kAllowed)) {
    Require(sent->TextAt("type").has_value());
    Require(sent->Find(kChannelField) == nullptr);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool json = (data[0] & 1) != 0, encrypted = (data[0] & 2) != 0;
  const MessageCodec codec({.serializer = json ? Serializer::kJson : Serializer::kMsgpack,
                            .keys = encrypted ? kKeys : std::vector<std::string>(),
                            .ttl = std::chrono::seconds(70)});
  std::optional<Value> message = codec.Decode(input, kNow);
  if (!message && encrypted) {
    message = codec.Decode(Fernet(kKeys).Encrypt(input, kNow), kNow);
  }
  if (!message) return 0;
  // Bytes become text in JSON, and numbers that are not canonical change in MessagePack, once.
  const auto again = codec.Decode(codec.Encode(*message, kNow), kNow);
  if (again) {
    const auto third = codec.Decode(codec.Encode(*again, kNow), kNow);
    Require(third.has_value() && JsonOf(*third) == JsonOf(*again));
  }
  TakeChannels(*message);
  Translate(*message);
  return 0;
}
