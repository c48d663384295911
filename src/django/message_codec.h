// Messages in Redis, as channels_redis writes them: serialized, optionally encrypted, and on the core
// layer preceded by random bytes, because the members of a sorted set are distinct. Threads: any.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "django/fernet.h"
#include "django/value.h"

namespace parley::django {

enum class Serializer { kMsgpack, kJson };

class MessageCodec {
 public:
  struct Options {
    Serializer serializer = Serializer::kMsgpack;
    size_t random_prefix = 0;                 // bytes
    std::vector<std::string> keys;            // of the encryption; empty: none
    std::optional<std::chrono::seconds> ttl;  // of encrypted messages
  };
  explicit MessageCodec(Options options);

  // `message` is an object.
  std::string Encode(const Value& message, Timestamp now) const;
  // Returns nullopt unless the bytes are an object that was encrypted with one of the keys.
  std::optional<Value> Decode(std::string_view bytes, Timestamp now) const;

 private:
  const Options options_;
  std::optional<Fernet> fernet_;
};

// A message from or to a process: the fields, and the full names of its channels, which the field
// `__asgi_channel__` holds.
inline constexpr std::string_view kChannelField = "__asgi_channel__";
// Takes the names out of a message: a list of texts, or one text. Names of other types are left out.
std::vector<std::string> TakeChannels(Value& message);

}  // namespace parley::django
