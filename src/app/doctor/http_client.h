// HTTP requests to a probed URL, over libcurl, without a proxy of the environment. Each call has a deadline.
#pragma once
#include <curl/curl.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "app/doctor/probe.h"

namespace parley::doctor {

class HttpFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct HttpRequest {
  std::string method = "GET";
  std::string path;   // with the query
  std::string token;  // empty: none
  std::string body;   // JSON; empty: none
};

struct HttpAnswer {
  long status = 0;
  std::string body;                            // at most 1 MiB
  std::map<std::string, std::string> headers;  // names in lower case

  std::string Header(const std::string& name) const;
  // The code of Parley's problem document; empty if the body is not one.
  std::string Problem() const;
  // "HTTP 502", or "HTTP 401 token_not_valid: The token has expired."
  std::string Describe() const;
};

// Throws HttpFailure.
HttpAnswer Fetch(const ProbeInput& input, const HttpRequest& request);

using CurlHandle = std::unique_ptr<CURL, void (*)(CURL*)>;
// A handle for the URL of the input, with the options that all requests need.
CurlHandle MakeCurl(const ProbeInput& input, const std::string& path);

// The path of an API route: "conversations/" -> "/api/messaging/conversations/".
std::string ApiPath(const ProbeInput& input, const std::string& rest);

// Returns the text or number at a JSON pointer ("/data/seq"); nullopt if the body has none.
std::optional<std::string> JsonText(const std::string& body, const std::string& pointer);
std::optional<int64_t> JsonInt(const std::string& body, const std::string& pointer);

}  // namespace parley::doctor
