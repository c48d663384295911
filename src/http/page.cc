#include "http/page.h"

#include <openssl/evp.h>

#include <string>

namespace parley {
namespace {

// Returns the 'sha256-…' source of the text between the tags: only the page's own script and style
// can run, not injected ones (CSP level 2, §4.2.5).
std::string HashOfInline(std::string_view page, std::string_view tag) {
  const std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  const size_t begin = page.find(open) + open.size();
  const std::string_view inside = page.substr(begin, page.find(close, begin) - begin);
  uint8_t digest[32];
  EVP_Digest(inside.data(), inside.size(), digest, nullptr, EVP_sha256(), nullptr);
  char base64[48];
  const int size = EVP_EncodeBlock(reinterpret_cast<uint8_t*>(base64), digest, sizeof digest);
  return "'sha256-" + std::string(base64, static_cast<size_t>(size)) + "'";
}

}  // namespace

Response HtmlPage(std::string_view page) {
  Response response{.content_type = "text/html; charset=utf-8"};
  response.shared = SharedBytes(page);
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src " + HashOfInline(page, "script") + "; style-src " +
          HashOfInline(page, "style") +
          "; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'");
  return response;
}

}  // namespace parley
