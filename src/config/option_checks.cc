#include "config/option_checks.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "config/channel_layer_entry.h"
#include "config/issuer_entry.h"
#include "redis/redis_address.h"

namespace parley {
namespace {

// Returns the number of bits of an address in this text, 0 if it is not an address.
int AddressBits(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return 32;
  return inet_pton(AF_INET6, text.c_str(), bytes) == 1 ? 128 : 0;
}

bool IsNetwork(const std::string& text) {
  const size_t slash = text.find('/');
  const int bits = AddressBits(text.substr(0, slash));
  if (slash == std::string::npos || bits == 0) return bits != 0;
  int prefix = -1;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data() + slash + 1, last, prefix);
  return status == std::errc() && end == last && prefix >= 0 && prefix <= bits;
}

bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

std::string WithoutBrackets(const std::string& text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return text;
  return text.substr(1, text.size() - 2);
}

// "a.example", "[::1]" or either with a port.
bool IsHostAndPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
  const std::string name =
      WithoutBrackets(std::string(text.substr(0, has_port ? colon : text.size())));
  if (AddressBits(name) == 0 && !IsHostName(name)) return false;
  if (!has_port) return true;
  const std::string_view port = text.substr(colon + 1);
  return !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

// Of keys in Redis.
bool IsPrefix(const std::string& text) {
  constexpr size_t kLongest = 100;
  const auto printable = [](char c) { return c > ' ' && c < '\x7F'; };
  return text.size() <= kLongest && std::ranges::all_of(text, printable);
}

std::string_view WithoutScheme(std::string_view text) {
  const size_t slashes = text.find("://");
  return slashes == std::string_view::npos || slashes == 0 ? text : text.substr(slashes + 3);
}

}  // namespace

std::string CheckCorsOrigins(const OptionValue& value) {
  const auto& origins = std::get<std::vector<std::string>>(value);
  for (const std::string& origin : origins) {
    if (origin == "*" && origins.size() > 1)
      return "contains * and other origins; * must be the only entry";
    if (origin == "*") continue;
    const std::string_view host = WithoutScheme(origin);
    if (host.size() < origin.size() && !host.starts_with('.') && IsHostAndPort(host)) continue;
    return "contains '" + origin + "', which is not an origin such as https://app.example.com or *";
  }
  return {};
}

std::string CheckHost(const OptionValue& value) {
  const std::string host = WithoutBrackets(std::get<std::string>(value));
  if (AddressBits(host) != 0 || IsHostName(host)) return {};
  return "is not a host name or an IP address";
}

std::string CheckProxies(const OptionValue& value) {
  for (const std::string& proxy : std::get<std::vector<std::string>>(value)) {
    if (proxy != "*" && !IsNetwork(proxy)) {
      return "contains '" + proxy + "', which is not an IP address, a network (10.0.0.0/8) or *";
    }
  }
  return {};
}

std::string CheckApiPrefixes(const OptionValue& value) {
  const auto& prefixes = std::get<std::vector<std::string>>(value);
  if (prefixes.empty()) return "must have at least one prefix";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  for (const std::string& prefix : prefixes) {
    const bool good = prefix.size() > 1 && prefix.starts_with('/') && !prefix.ends_with('/') &&
                      prefix.find("//") == std::string::npos &&
                      prefix.find_first_not_of(kPlain) == std::string::npos;
    if (!good) return "contains '" + prefix + "', which is not a path such as /api/v1/messaging";
  }
  return {};
}

std::string CheckFileMode(const OptionValue& value) {
  const std::string& mode = std::get<std::string>(value);
  if (mode.size() >= 3 && mode.size() <= 4 &&
      mode.find_first_not_of("01234567") == std::string::npos &&
      (mode.size() < 4 || mode[0] == '0')) {
    return {};
  }
  return "is not a file mode in octal, such as 0660";
}

std::string CheckAllowedHosts(const OptionValue& value) {
  for (const std::string& host : std::get<std::vector<std::string>>(value)) {
    if (host == "*" || AddressBits(host) != 0 || IsHostAndPort(WithoutScheme(host))) continue;
    return "contains '" + host + "', which is not a host name, .domain or *";
  }
  return {};
}

std::string CheckIssuers(const OptionValue& value) {
  for (const std::string& text : std::get<std::vector<std::string>>(value)) {
    if (const auto entry = ParseIssuerEntry(text); !entry) return entry.error();
  }
  return {};
}

std::string CheckDatabaseUrl(const OptionValue& value) {
  const auto& url = std::get<std::string>(value);
  if (url.empty() || url.starts_with("postgres://") || url.starts_with("postgresql://")) return {};
  return "is not a URL that begins with postgres:// or postgresql://";
}

std::string CheckRedisUrl(const OptionValue& value) {
  const auto& url = std::get<std::string>(value);
  if (url.empty()) return {};
  const auto parsed = ParseRedisUrl(url);
  return parsed ? std::string() : parsed.error();
}

std::string CheckChannelLayerBackend(const OptionValue& value) {
  if (ParseChannelLayerBackend(std::get<std::string>(value))) return {};
  return "is not channels_redis.core.RedisChannelLayer (core) or "
         "channels_redis.pubsub.RedisPubSubChannelLayer (pubsub)";
}

std::string CheckChannelLayerHosts(const OptionValue& value) {
  for (const std::string& url : ChannelLayerHosts(std::get<std::vector<std::string>>(value))) {
    if (const auto parsed = ParseRedisUrl(url); !parsed)
      return "has an entry that " + parsed.error();
  }
  return {};
}

std::string CheckChannelLayerPrefix(const OptionValue& value) {
  const std::string& prefix = std::get<std::string>(value);
  if (!prefix.empty() && IsPrefix(prefix)) return {};
  return "is not 1 to 100 printable ASCII characters without space";
}

std::string CheckCachePrefix(const OptionValue& value) {
  if (IsPrefix(std::get<std::string>(value))) return {};
  return "is not at most 100 printable ASCII characters without space";
}

std::string CheckCacheCompressor(const OptionValue& value) {
  constexpr std::array kNames = {"zlib", "none", "django_redis.compressors.zlib.ZlibCompressor",
                                 "django_redis.compressors.identity.IdentityCompressor"};
  if (std::ranges::find(kNames, std::get<std::string>(value)) != kNames.end()) return {};
  return "is not zlib or none";
}

std::string CheckChannelCapacity(const OptionValue& value) {
  for (const std::string& text : std::get<std::vector<std::string>>(value)) {
    if (const auto entry = ParseChannelCapacity(text); !entry) return entry.error();
  }
  return {};
}

std::string CheckSocketPath(const OptionValue& value) {
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (std::get<std::string>(value).size() <= kLongest) return {};
  return "is longer than " + std::to_string(kLongest) +
         " bytes, the maximum length of a Unix socket path";
}

}  // namespace parley
