#include "redis/redis_address.h"

#include <charconv>
#include <optional>

namespace parley {
namespace {

constexpr uint16_t kRedisPort = 6379;
constexpr uint16_t kSentinelPort = 26379;
constexpr int kMostDatabases = 1'000'000;

template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Returns the text before the first `mark`; `rest` is the text after it, or empty.
std::string_view CutFront(std::string_view& rest, char mark) {
  const size_t at = rest.find(mark);
  const std::string_view front = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return front;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    uint8_t byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16);
    if (error != std::errc() || end != &text[i + 1] + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

using Wrong = std::string;  // empty: nothing is

class UrlReader {
 public:
  Wrong Read(std::string_view url, RedisAddress& out) {
    const size_t colon = url.find("://");
    if (colon == std::string_view::npos) return kSchemes;
    const std::string_view scheme = url.substr(0, colon);
    out.tls = scheme.starts_with("rediss");
    const bool sentinel = scheme.ends_with("+sentinel");
    const bool unix_socket = scheme == "unix";
    const std::string_view plain = sentinel ? scheme.substr(0, scheme.find('+')) : scheme;
    if (!unix_socket && plain != "redis" && plain != "rediss") return kSchemes;

    std::string_view query = url.substr(colon + 3);
    std::string_view place = CutFront(query, '?');
    if (const size_t at = place.rfind('@'); at != std::string_view::npos) {
      const Wrong wrong = ReadCredentials(place.substr(0, at), out);
      if (!wrong.empty()) return wrong;
      place.remove_prefix(at + 1);
    }
    const Wrong wrong = unix_socket ? ReadPath(place, out) : ReadHosts(place, sentinel, out);
    return wrong.empty() ? ReadOptions(query, out) : wrong;
  }

 private:
  static constexpr const char* kSchemes =
      "does not begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://";

  static Wrong ReadCredentials(std::string_view text, RedisAddress& out) {
    std::string_view password = text;
    const std::string_view user = CutFront(password, ':');
    const auto decoded_user = PercentDecoded(user);
    const auto decoded_password = PercentDecoded(password);
    if (!decoded_user || !decoded_password)
      return "has a % that is not followed by two hexadecimal digits";
    out.user = *decoded_user;
    out.password = *decoded_password;
    return {};
  }

  static Wrong ReadPath(std::string_view path, RedisAddress& out) {
    if (!path.starts_with('/')) return "has no absolute socket path";
    out.endpoints.push_back({.host = std::string(path), .unix_socket = true});
    return {};
  }

  static Wrong ReadHosts(std::string_view place, bool sentinel, RedisAddress& out) {
    std::string_view path = place;
    std::string_view hosts = CutFront(path, '/');
    if (!sentinel && hosts.find(',') != std::string_view::npos)
      return "has several hosts, which only Sentinel URLs can have";
    do {
      RedisEndpoint one{.port = sentinel ? kSentinelPort : kRedisPort};
      const Wrong wrong = ReadHost(CutFront(hosts, ','), one);
      if (!wrong.empty()) return wrong;
      out.endpoints.push_back(std::move(one));
    } while (!hosts.empty());
    if (sentinel) {
      const auto master = PercentDecoded(CutFront(path, '/'));
      if (!master || master->empty()) return "has no master name after the Sentinel hosts";
      out.master = *master;
    }
    return path.empty() ? Wrong() : ReadDatabase(path, out);
  }

  static Wrong ReadHost(std::string_view text, RedisEndpoint& out) {
    std::string_view port;
    if (text.starts_with('[')) {  // IPv6 (RFC 3986 §3.2.2)
      port = text.substr(1);
      out.host = std::string(CutFront(port, ']'));
      if (port.starts_with(':')) port.remove_prefix(1);
    } else {
      port = text;
      out.host = std::string(CutFront(port, ':'));
    }
    if (out.host.empty()) return "has no host";
    if (port.empty()) return {};
    const auto number = ParseNumber<uint16_t>(port);
    if (!number || *number == 0) return "has a port that is not a number from 1 to 65535";
    out.port = *number;
    return {};
  }

  static Wrong ReadDatabase(std::string_view text, RedisAddress& out) {
    const auto number = ParseNumber<int>(text);
    if (!number || *number < 0 || *number > kMostDatabases)
      return "has a database that is not a number";
    out.database = *number;
    return {};
  }

  static Wrong ReadOptions(std::string_view query, RedisAddress& out) {
    while (!query.empty()) {
      std::string_view value = CutFront(query, '&');
      const std::string_view name = CutFront(value, '=');
      const auto decoded = PercentDecoded(value);
      if (!decoded) return "has a % that is not followed by two hexadecimal digits";
      if (name == "db") {
        const Wrong wrong = ReadDatabase(*decoded, out);
        if (!wrong.empty()) return wrong;
      } else if (name == "ssl_ca_certs") {
        out.ca_file = *decoded;
      } else if (name == "sentinel_password") {
        out.sentinel_password = *decoded;
      } else if (name == "ssl_cert_reqs" && (*decoded == "required" || *decoded == "none")) {
        out.verify = *decoded == "required";
      } else {
        return "has an unknown option: " + std::string(name);
      }
    }
    return {};
  }
};

}  // namespace

std::string RedisEndpoint::ToString() const {
  return unix_socket ? host : host + ":" + std::to_string(port);
}

tl::expected<RedisAddress, std::string> ParseRedisUrl(std::string_view url) {
  RedisAddress address;
  const Wrong wrong = UrlReader().Read(url, address);
  if (!wrong.empty()) return tl::make_unexpected(wrong);
  return address;
}

}  // namespace parley
