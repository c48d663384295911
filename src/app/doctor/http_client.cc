#include "app/doctor/http_client.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

namespace parley::doctor {
namespace {

constexpr long kConnectMillis = 5'000, kTotalMillis = 8'000;
constexpr size_t kMostBody = 1024 * 1024;

size_t TakeBody(char* data, size_t, size_t size, void* into) {
  auto& body = static_cast<HttpAnswer*>(into)->body;
  if (body.size() + size > kMostBody) return 0;  // fails the transfer
  body.append(data, size);
  return size;
}

size_t TakeHeader(char* data, size_t, size_t size, void* into) {
  std::string line(data, size);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
  const size_t colon = line.find(':');
  if (colon == line.npos) return size;
  std::string name = line.substr(0, colon);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const size_t value = line.find_first_not_of(" \t", colon + 1);
  static_cast<HttpAnswer*>(into)->headers[name] = value == line.npos ? "" : line.substr(value);
  return size;
}

class HeaderList {
 public:
  ~HeaderList() { ::curl_slist_free_all(list_); }
  void Add(const std::string& line) { list_ = ::curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

simdjson::simdjson_result<simdjson::dom::element> Find(simdjson::dom::parser& parser,
                                                       const std::string& body,
                                                       const std::string& pointer) {
  const auto document = parser.parse(body);
  if (document.error() != simdjson::SUCCESS) return document.error();
  return document.at_pointer(pointer);
}

}  // namespace

std::string HttpAnswer::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string HttpAnswer::Problem() const {
  if (!Header("content-type").starts_with("application/problem+json")) return "";
  return JsonText(body, "/code").value_or("");
}

std::string HttpAnswer::Describe() const {
  const std::string code = Problem();
  if (code.empty()) return fmt::format("HTTP {}", status);
  const std::string reason = JsonText(body, "/reason").value_or("");
  return fmt::format("HTTP {} {}{}: {}", status, code, reason.empty() ? "" : " " + reason,
                     JsonText(body, "/detail").value_or(""));
}

CurlHandle MakeCurl(const ProbeInput& input, const std::string& path) {
  CurlHandle curl(::curl_easy_init(), ::curl_easy_cleanup);
  const std::string url = input.url().url + path;
  ::curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl.get(), CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  ::curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  ::curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMillis);
  ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTotalMillis);
  ::curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "parley-doctor/" PARLEY_VERSION);
  if (!input.ca_file.empty()) ::curl_easy_setopt(curl.get(), CURLOPT_CAINFO, input.ca_file.c_str());
  return curl;
}

HttpAnswer Fetch(const ProbeInput& input, const HttpRequest& request) {
  const CurlHandle curl = MakeCurl(input, request.path);
  HttpAnswer answer;
  HeaderList headers;
  if (!input.url().host_header.empty()) headers.Add("Host: " + input.url().host_header);
  if (!request.token.empty()) headers.Add("Authorization: Bearer " + request.token);
  if (!request.body.empty()) {
    headers.Add("Content-Type: application/json");
    ::curl_easy_setopt(curl.get(), CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  }
  ::curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, TakeBody);
  ::curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  ::curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, TakeHeader);
  ::curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer);
  const CURLcode code = ::curl_easy_perform(curl.get());
  if (code != CURLE_OK) throw HttpFailure(::curl_easy_strerror(code));
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

std::string ApiPath(const ProbeInput& input, const std::string& rest) {
  const auto& prefixes = input.config.api_prefixes;
  std::string prefix = prefixes.empty() ? "/api/messaging" : prefixes.front();
  while (prefix.ends_with('/')) prefix.pop_back();
  return prefix + "/" + rest;
}

std::optional<std::string> JsonText(const std::string& body, const std::string& pointer) {
  simdjson::dom::parser parser;
  std::string_view text;
  if (Find(parser, body, pointer).get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

std::optional<int64_t> JsonInt(const std::string& body, const std::string& pointer) {
  simdjson::dom::parser parser;
  int64_t number = 0;
  if (Find(parser, body, pointer).get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

}  // namespace parley::doctor
