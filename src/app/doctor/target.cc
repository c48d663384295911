#include "app/doctor/target.h"

#include <curl/curl.h>

#include <memory>

namespace parley::doctor {

std::optional<Target> ParseTarget(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&](CURLUPart which) {
    char* value = nullptr;
    if (curl_url_get(parsed.get(), which, &value, CURLU_DEFAULT_PORT) != CURLUE_OK) {
      return std::string();
    }
    std::string out(value);
    curl_free(value);
    return out;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  for (const CURLUPart unwanted :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    if (!part(unwanted).empty()) return std::nullopt;
  }
  Target out{.url = url,
             .host = part(CURLUPART_HOST),
             .port = static_cast<uint16_t>(std::stoul(part(CURLUPART_PORT))),
             .tls = scheme == "https"};
  while (out.url.ends_with('/')) out.url.pop_back();
  if (out.host.starts_with('[')) out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

}  // namespace parley::doctor
