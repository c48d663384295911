// Host, authority and Origin: accepted values name an allowed host.
//
// Input: three lines, Host, the authority of an absolute-form target (may be empty), Origin.
// Sources: src/http/site_policy.cc src/http/request.cc src/http/percent.cc src/base/utf8.cc
// Sources: src/base/error.cc
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/site_policy.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

std::string TakeLine(std::string& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string line = rest.substr(0, end);
  rest.erase(0, end + 1);
  return line;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Returns whether the value is the name, with an optional final dot and port.
bool IsNamed(const std::string& text, std::string name) {
  std::string rest = Lower(text);
  if (!rest.starts_with(name)) return false;
  rest.erase(0, name.size());
  if (rest.starts_with('.')) rest.erase(0, 1);
  if (rest.empty()) return true;
  return rest.starts_with(':') &&
         std::all_of(rest.begin() + 1, rest.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const parley::SitePolicy site(
      {.production = true, .allowed_hosts = {"chat.example"}, .allow_plain_http = true});
  std::string rest(reinterpret_cast<const char*>(data), size);
  const std::string host = TakeLine(rest), authority = TakeLine(rest), origin = TakeLine(rest);
  if (authority.find_first_of("/?# ") != std::string::npos) return 0;
  for (const std::string& value : {host, origin}) {  // the parser trims white space
    if (value.find_first_of(" \t") != std::string::npos) return 0;
  }
  parley::BeastRequest message;
  message.method_string("GET");
  message.target(authority.empty() ? "/api" : "http://" + authority + "/api");
  message.version(11);
  message.insert("Host", host);
  if (!origin.empty()) message.insert("Origin", origin);
  const auto request = parley::Request::From(std::move(message), {.address = "203.0.113.7"});
  if (!request) return 0;
  if (!site.CheckRequest(*request)) {
    Require(IsNamed(host, "chat.example"));
    Require(authority.empty() || IsNamed(authority, "chat.example"));
  }
  if (!origin.empty() && !site.CheckOrigin(*request)) {
    const size_t slashes = origin.find("://");
    Require(slashes != std::string::npos);
    const std::string of = Lower(origin.substr(slashes + 3));
    std::string name = of.substr(0, of.find(':'));
    if (name.ends_with('.')) name.pop_back();  // the same host
    Require(IsNamed(of, "chat.example") || Lower(host).starts_with(name));
  }
  return 0;
}
