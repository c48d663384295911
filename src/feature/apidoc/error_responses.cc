#include "feature/apidoc/error_responses.h"

#include <map>
#include <vector>

#include "base/error.h"
#include "http/response.h"

namespace parley {
namespace {

std::vector<ErrorCode> AllCodes() {
  return {
#define PARLEY_ERROR(name, status, meaning) ErrorCode::name,
#include "base/error_codes.def"
#undef PARLEY_ERROR
  };
}

std::map<int, std::vector<ErrorCode>> ByStatus() {
  std::map<int, std::vector<ErrorCode>> statuses;
  for (const ErrorCode code : AllCodes()) statuses[HttpStatus(code)].push_back(code);
  return statuses;
}

void WriteEnum(JsonWriter& json, const std::vector<ErrorCode>& codes) {
  json.Key("enum");
  json.BeginArray();
  for (const ErrorCode code : codes) json.String(Name(code));
  json.EndArray();
}

std::string Meanings(const std::vector<ErrorCode>& codes) {
  std::string text;
  for (const ErrorCode code : codes) {
    if (!text.empty()) text += '\n';
    text += "- `" + std::string(Name(code)) + "`: " + std::string(Meaning(code));
  }
  return text;
}

// A Problem whose `code` is one of these values.
void WriteSchema(JsonWriter& json, int status, const std::vector<ErrorCode>& codes) {
  json.Key("schema");
  json.BeginObject();
  json.Key("allOf");
  json.BeginArray();
  json.Raw(R"({"$ref":"#/components/schemas/Problem"})");
  json.BeginObject();
  json.Key("properties");
  json.BeginObject();
  json.Key("status");
  json.BeginObject();
  json.Field("const", status);
  json.EndObject();
  json.Key("code");
  json.BeginObject();
  WriteEnum(json, codes);
  json.EndObject();
  json.EndObject();
  json.EndObject();
  json.EndArray();
  json.EndObject();
}

void WriteHeaders(JsonWriter& json, const Response& example) {
  if (example.headers.empty()) return;
  json.Key("headers");
  json.BeginObject();
  for (const auto& [name, value] : example.headers) {
    json.Key(name);
    json.Raw(R"({"schema":{"type":"string"}})");
  }
  json.EndObject();
}

}  // namespace

std::string ErrorResponseName(int status) { return "Error" + std::to_string(status); }

void WriteErrorCodes(JsonWriter& json) {
  json.Key("ErrorCode");
  json.BeginObject();
  json.Field("type", "string");
  WriteEnum(json, AllCodes());
  json.Field("description", "A stable code that clients can branch on.\n\n" + Meanings(AllCodes()));
  json.EndObject();
}

void WriteErrorResponses(JsonWriter& json) {
  json.Key("responses");
  json.BeginObject();
  for (const auto& [status, codes] : ByStatus()) {
    const Response example =
        Response::Problem({.code = codes.front(), .detail = std::string(Meaning(codes.front()))});
    json.Key(ErrorResponseName(status));
    json.BeginObject();
    json.Field("description", Meanings(codes));
    WriteHeaders(json, example);
    json.Key("content");
    json.BeginObject();
    json.Key("application/problem+json");
    json.BeginObject();
    WriteSchema(json, status, codes);
    json.Key("example");
    json.Raw(example.body);
    json.EndObject();
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace parley
