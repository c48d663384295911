#include "http/body.h"

#include <boost/beast/core/string.hpp>
#include <charconv>

namespace parley {

Result<simdjson::dom::object> JsonBody(const Request& request, JsonReader& json) {
  std::string_view type = request.Header("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (!boost::beast::iequals({type.data(), type.size()}, "application/json")) {
    return Fail(ErrorCode::unsupported_media_type, "The body must be application/json.");
  }
  return json.ParseObject(request.body());
}

Result<Uuid> IdParam(const Request& request, std::string_view name) {
  const auto id = Uuid::Parse(request.Param(name));
  if (!id) return Fail(Error::Field(std::string(name), "Must be a UUID."));
  return *id;
}

Result<int64_t> NumberQuery(const Request& request, std::string_view name, int64_t least,
                            int64_t most, int64_t otherwise) {
  const auto text = request.Query(name);
  if (!text) return otherwise;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < least || value > most) {
    return Fail(Error::Field(std::string(name), "Must be a whole number from " +
                                                    std::to_string(least) + " to " +
                                                    std::to_string(most) + "."));
  }
  return value;
}

Result<bool> FlagQuery(const Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text || *text == "0" || *text == "false" || text->empty()) return false;
  if (*text == "1" || *text == "true") return true;
  return Fail(Error::Field(std::string(name), "Must be 1 or 0."));
}

Result<std::optional<std::string>> IdempotencyKey(const Request& request, size_t most_characters) {
  constexpr const char* kHeader = "Idempotency-Key";
  if (!request.HasHeader(kHeader)) return std::optional<std::string>();
  const auto key = request.HeaderOnce(kHeader);
  if (!key || key->empty() || key->size() > most_characters) {
    return Fail(Error::Field(
        kHeader, "Must be 1 to " + std::to_string(most_characters) + " characters, once."));
  }
  return std::optional<std::string>(*key);
}

}  // namespace parley
