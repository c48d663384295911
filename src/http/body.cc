#include "http/body.h"

#include "base/blanks.h"
#include "base/utf8.h"
#include "http/http_syntax.h"
#include "http/multipart.h"

namespace parley {

namespace {

constexpr size_t kMostFormParts = 2048;

bool HasMediaType(const Request& request, std::string_view wanted) {
  const std::string_view type = request.Header("Content-Type");
  return SameIgnoringCase(TrimBlanks(type.substr(0, type.find(';'))), wanted);
}

// curl -d declares a form unless it is told otherwise.
bool BeginsAsJson(std::string_view body) {
  const size_t start = body.find_first_not_of(" \t\r\n");
  return start != body.npos && body[start] == '{';
}

// Reads fields without a file name; other parts are skipped.
Result<NamesAndValues> MultipartFields(const Request& request) {
  const auto boundary = MultipartBoundary(request.Header("Content-Type"));
  if (!boundary) return Fail(boundary.error());
  MultipartParser parser(*boundary, kMostFormParts);
  NamesAndValues fields;
  std::string_view rest = request.body();
  bool is_field = false;
  for (MultipartEvent event;
       event = parser.Next(rest), event.kind != MultipartEvent::Kind::kNeedMore;) {
    switch (event.kind) {
      case MultipartEvent::Kind::kPart:
        is_field = !parser.header().filename.has_value();
        if (is_field) fields.emplace_back(parser.header().name, "");
        break;
      case MultipartEvent::Kind::kData:
        if (is_field) fields.back().second.append(event.payload);
        break;
      case MultipartEvent::Kind::kError:
        return Fail(ErrorCode::bad_request, std::string(event.payload));
      default:
        break;
    }
  }
  if (!parser.complete()) return Fail(ErrorCode::bad_request, "The body is incomplete.");
  for (const auto& [name, value] : fields) {
    if (!IsPlainText(name) || !IsPlainText(value)) {
      return Fail(ErrorCode::bad_request, "The form must be UTF-8 and must not contain U+0000.");
    }
  }
  return fields;
}

}  // namespace

Result<JsonObject> JsonBody(const Request& request, JsonReader& json) {
  if (!HasMediaType(request, "application/json")) {
    return Fail(ErrorCode::unsupported_media_type, "The body must be application/json.");
  }
  return json.ParseObject(request.body(), JsonSource::kRest);
}

Result<JsonObject> JsonOrFormBody(const Request& request, JsonReader& json) {
  if (HasMediaType(request, "application/json")) return JsonBody(request, json);
  const bool encoded = HasMediaType(request, "application/x-www-form-urlencoded");
  if (!encoded && !HasMediaType(request, "multipart/form-data")) {
    return Fail(ErrorCode::unsupported_media_type,
                "The body must be application/json, application/x-www-form-urlencoded or "
                "multipart/form-data.");
  }
  if (encoded && BeginsAsJson(request.body())) {
    return Fail(ErrorCode::unsupported_media_type,
                "The body is JSON: send it with Content-Type: application/json.");
  }
  const Result<NamesAndValues> fields =
      encoded ? ParseUrlEncoded(request.body()) : MultipartFields(request);
  if (!fields) return Fail(fields.error());
  return json.ParseForm(*fields);
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
  const auto value = WholeNumberFrom(*text);
  if (!value || *value < least || *value > most) {
    return Fail(Error::Field(std::string(name), "Must be a whole number from " +
                                                    std::to_string(least) + " to " +
                                                    std::to_string(most) + "."));
  }
  return *value;
}

Result<bool> FlagQuery(const Request& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text || *text == "0" || SameIgnoringCase(*text, "false")) return false;
  if (*text == "1" || SameIgnoringCase(*text, "true")) return true;
  return Fail(Error::Field(std::string(name), "Must be true or false."));
}

Result<std::optional<std::string>> IdempotencyKey(const Request& request, size_t most_characters) {
  constexpr const char* kHeader = "Idempotency-Key";
  if (!request.HasHeader(kHeader)) return std::optional<std::string>();
  const auto key = request.HeaderOnce(kHeader);
  if (!key || key->empty() || CountCodePoints(*key) > most_characters) {
    return Fail(Error::Field(kHeader, "Must be 1 to " + std::to_string(most_characters) +
                                          " characters and occur once."));
  }
  return std::optional<std::string>(*key);
}

}  // namespace parley
