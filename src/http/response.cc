#include "http/response.h"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <cmath>
#include <ctime>
#include <iterator>

#include "protocol/error_fields.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

std::string_view Reason(int status) {
  const auto known = boost::beast::http::int_to_status(static_cast<unsigned>(status));
  const auto text = boost::beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

void AppendHeader(std::string& out, std::string_view name, std::string_view value) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

// Members of a problem document that field names cannot replace.
bool IsReserved(std::string_view name) {
  constexpr std::string_view kReserved[] = {"type",  "title",  "status", "detail",   "code",
                                            "error", "fields", "reason", "messages", "instance"};
  return std::ranges::find(kReserved, name) != std::end(kReserved);
}

// In the format of SimpleJWT, for clients that display them.
void AppendTokenMessages(JsonWriter& json, std::string_view detail) {
  json.Key("messages");
  json.BeginArray();
  json.BeginObject();
  json.Field("token_class", std::string_view("AccessToken"));
  json.Field("token_type", std::string_view("access"));
  json.Field("message", detail);
  json.EndObject();
  json.EndArray();
}

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text, size};
}

}  // namespace

Response Response::Problem(const Error& error) {
  Response response{.status = HttpStatus(error.code), .content_type = "application/problem+json"};
  JsonWriter json(response.body);
  json.BeginObject();
  json.Field("type", std::string("urn:parley:error:").append(Name(error.code)));
  json.Field("title", Reason(response.status));
  json.Field("status", static_cast<int64_t>(response.status));
  json.Field("detail", error.detail);
  json.Field("code", Name(error.code));
  json.Field("error", error.detail);
  if (!error.reason.empty()) json.Field("reason", error.reason);
  if (error.code == ErrorCode::token_not_valid) AppendTokenMessages(json, error.detail);
  if (!error.fields.empty()) {
    json.Key("fields");
    json.BeginObject();
    AppendErrorFields(json, error);
    json.EndObject();
    AppendErrorFields(json, error, [](std::string_view name) { return !IsReserved(name); });
  }
  json.EndObject();
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count();
    response.headers.emplace_back("Retry-After", std::to_string(std::max<int64_t>(1, seconds)));
  }
  return response;
}

SharedBytes Serialize(const Response& response, const ResponseContext& context) {
  std::string head;
  head.reserve(256);
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(Reason(response.status)).append("\r\n");
  AppendHeader(head, "Date", HttpDate());
  if (!response.content_type.empty()) AppendHeader(head, "Content-Type", response.content_type);
  if (response.status != 204 && response.status != 304 && response.status >= 200) {
    const size_t size = response.source ? static_cast<size_t>(response.source->size())
                                        : response.body.size() + response.shared.size();
    AppendHeader(head, "Content-Length", std::to_string(size));
  }
  AppendHeader(head, "X-Content-Type-Options", "nosniff");
  AppendHeader(head, "Referrer-Policy", "no-referrer");
  bool cached = false;
  for (const auto& [name, value] : response.headers) {
    AppendHeader(head, name, value);
    cached |= name == "Cache-Control";
  }
  head.append(context.lines);
  if (!cached) AppendHeader(head, "Cache-Control", "no-store");
  if (!context.keep_alive) {
    AppendHeader(head, "Connection", "close");
  } else if (context.http_1_0) {
    AppendHeader(head, "Connection", "keep-alive");
  }
  head.append("\r\n");
  return SharedBytes(head, context.head_only ? std::string_view() : response.body);
}

}  // namespace parley
