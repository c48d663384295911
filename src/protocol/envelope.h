// The envelope of every server frame: type, ref?, conversation_id?, seq?, data?.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "protocol/json_writer.h"

namespace parley {

class Envelope {
 public:
  explicit Envelope(std::string_view type) : json_(text_) {
    text_.reserve(512);
    json_.BeginObject();
    json_.Field("type", type);
  }
  Envelope& OfConversation(const Uuid& conversation) {
    json_.Field("conversation_id", conversation);
    return *this;
  }
  Envelope& WithSeq(int64_t seq) {
    json_.Field("seq", seq);
    return *this;
  }
  Envelope& WithRef(const std::optional<std::string>& ref) {
    if (ref) json_.Field("ref", std::string_view(*ref));
    return *this;
  }
  // Everything until Done() goes into `data`.
  JsonWriter& Data() {
    json_.Key("data");
    json_.BeginObject();
    in_data_ = true;
    return json_;
  }
  // `append` writes the object of `data`.
  template <class Append>
  Envelope& DataFrom(Append append) {
    json_.Key("data");
    json_.Raw("");
    append(text_);
    return *this;
  }
  // Returns the JSON. Call once.
  std::string Done() {
    if (in_data_) json_.EndObject();
    json_.EndObject();
    return std::move(text_);
  }

 private:
  std::string text_;
  JsonWriter json_;
  bool in_data_ = false;
};

}  // namespace parley
