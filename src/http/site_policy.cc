#include "http/site_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace parley {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

struct HostPort {
  std::string name;  // lower case, IPv6 in brackets
  std::string port;  // empty: the default port of the scheme
};

// uri-host [":" port] of RFC 9110 §7.2, without user info.
std::optional<HostPort> ParseHost(std::string_view text) {
  HostPort out;
  size_t end;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    in6_addr address;
    if (::inet_pton(AF_INET6, std::string(text.substr(1, end - 1)).c_str(), &address) != 1) {
      return std::nullopt;
    }
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    const auto is_name = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
    };
    if (end == 0 ||
        !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), is_name)) {
      return std::nullopt;
    }
  }
  out.name = Lower(text.substr(0, end));
  if (out.name.ends_with('.')) out.name.pop_back();
  if (end < text.size()) {
    out.port = text.substr(end + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text[end] != ':' || out.port.size() > 5 || !std::ranges::all_of(out.port, is_digit)) {
      return std::nullopt;
    }
  }
  return out;
}

bool IsAddress(const std::string& name) {
  in_addr address;
  return name.starts_with('[') || ::inet_pton(AF_INET, name.c_str(), &address) == 1;
}

// Parses an address: 4 or 16 bytes, or empty if it is invalid.
std::string AddressBytes(std::string_view text) {
  char bytes[16];
  const std::string name(text);
  if (::inet_pton(AF_INET, name.c_str(), bytes) == 1) return {bytes, 4};
  if (::inet_pton(AF_INET6, name.c_str(), bytes) == 1) return {bytes, 16};
  return {};
}

// Returns true if the address equals the entry or is in its network (RFC 4632).
bool InNetwork(std::string_view address, std::string_view network) {
  const size_t slash = network.find('/');
  const std::string of = AddressBytes(address), in = AddressBytes(network.substr(0, slash));
  if (of.empty() || of.size() != in.size()) return false;
  size_t bits = of.size() * 8;
  if (slash != std::string_view::npos) {
    const std::string_view length = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc() || bits > of.size() * 8) return false;
  }
  if (of.compare(0, bits / 8, in, 0, bits / 8) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto differs = static_cast<uint8_t>(of[bits / 8] ^ in[bits / 8]);
  return differs >> (8 - bits % 8) == 0;
}

bool IsProbe(const Request& request) {
  return request.path() == "/livez" || request.path() == "/readyz";
}

std::string_view DefaultPort(std::string_view scheme) {
  return scheme == "https" || scheme == "wss" ? "443" : "80";
}

// RFC 9112 §3.2.2: the host of an absolute-form target is used, and a Host field must not name another.
std::optional<Error> CheckAuthority(const Request& request) {
  if (request.authority().empty()) return std::nullopt;
  const auto target = ParseHost(request.authority());
  const auto host = ParseHost(request.Header("Host"));
  const bool same = target && (!request.HasHeader("Host") ||
                               (host && host->name == target->name && host->port == target->port));
  if (same) return std::nullopt;
  return Error{.code = ErrorCode::bad_host,
               .detail = "The Host header must name the host of the request target."};
}

bool NameMatches(std::string_view pattern, std::string_view name) {
  if (pattern == "*" || pattern == name) return true;
  return pattern.starts_with('.') && (name.ends_with(pattern) || name == pattern.substr(1));
}

bool IsLocalName(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost") || name == "127.0.0.1" ||
         name == "[::1]";
}

struct Origin {
  std::string scheme;
  HostPort host;
};

// RFC 6454 §6.2: scheme "://" host [":" port] only.
std::optional<Origin> ParseOrigin(std::string_view text) {
  const std::string lower = Lower(text);
  const size_t slashes = lower.find("://");
  if (slashes == 0 || slashes == std::string::npos) return std::nullopt;
  const std::string scheme = lower.substr(0, slashes);
  const auto is_scheme = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
  };
  if (!std::ranges::all_of(scheme, is_scheme) || scheme == "file") return std::nullopt;
  auto host = ParseHost(std::string_view(lower).substr(slashes + 3));
  if (!host) return std::nullopt;
  return Origin{scheme, std::move(*host)};
}

// Parses an address of X-Forwarded-For: plain, with a port, or in brackets. Returns an empty string
// if it is invalid.
std::string ForwardedAddress(std::string_view text) {
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  if (text.size() > 7 && Lower(text.substr(0, 7)) == "::ffff:" &&
      text.find('.') != std::string_view::npos) {
    text.remove_prefix(7);
  }
  return AddressBytes(text).empty() ? std::string() : Lower(text);
}

}  // namespace

SitePolicy::SitePolicy(SiteOptions options) : options_(std::move(options)) {
  for (const std::string& entry : options_.allowed_hosts) {
    std::string name = Lower(entry);
    Allowed allowed;
    if (const size_t slashes = name.find("://"); slashes != std::string::npos) {
      allowed.scheme = name.substr(0, slashes);
      name.erase(0, slashes + 3);
    }
    const size_t colon = name.rfind(':');
    const bool has_port =
        colon != std::string::npos &&
        (name.starts_with('[') ? name[colon - 1] == ']' : name.find(':') == colon);
    if (has_port) {
      allowed.port = name.substr(colon + 1);
      name.erase(colon);
    }
    if (name.find(':') != std::string::npos && !name.starts_with('[')) name = "[" + name + "]";
    allowed.name = std::move(name);
    any_allowed_ |= entry == "*";
    allowed_.push_back(std::move(allowed));
  }
}

bool SitePolicy::HostAllowed(std::string_view name) const {
  if (allowed_.empty()) {
    if (options_.production) return true;
    // Names that external DNS cannot resolve to this server, so that foreign pages cannot reach a
    // development machine.
    return IsLocalName(name) || IsAddress(std::string(name));
  }
  return std::ranges::any_of(allowed_,
                             [&](const Allowed& entry) { return NameMatches(entry.name, name); });
}

bool SitePolicy::IsTrusted(std::string_view address) const {
  return std::ranges::any_of(options_.trusted_proxies, [&](const std::string& proxy) {
    // A peer on a Unix socket has no address; the file's permissions restrict access.
    return proxy == "*" || address.empty() || InNetwork(address, proxy);
  });
}

bool SitePolicy::FromTrustedProxy(const Request& request) const {
  return options_.trust_proxy_headers && IsTrusted(request.peer().address);
}

std::string SitePolicy::ClientAddress(const Request& request) const {
  std::string client = request.peer().address;
  if (!FromTrustedProxy(request)) return client;
  const auto hops = request.HeaderList("X-Forwarded-For");
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    std::string address = ForwardedAddress(*hop);
    if (address.empty()) break;  // earlier entries are not trusted either
    client = std::move(address);
    if (!IsTrusted(client)) break;
  }
  return client;
}

std::optional<Error> SitePolicy::CheckRequest(const Request& request) const {
  if (auto error = CheckAuthority(request)) return error;
  if (IsProbe(request)) return std::nullopt;
  const auto header = request.HeaderOnce("Host");
  if (!header && (request.http_version() >= 11 || request.HasHeader("Host"))) {
    return Error{.code = ErrorCode::bad_host, .detail = "There must be exactly one Host header."};
  }
  if (header) {
    const auto host = ParseHost(*header);
    if (!host || !HostAllowed(host->name)) {
      return Error{.code = ErrorCode::bad_host,
                   .detail = "This server does not serve this Host; see allowed_hosts."};
    }
  }
  if (!request.authority().empty()) {
    const auto target = ParseHost(request.authority());
    if (!target || !HostAllowed(target->name)) {
      return Error{.code = ErrorCode::bad_host,
                   .detail = "This server does not serve this host; see allowed_hosts."};
    }
  }
  if (!options_.production || options_.allow_plain_http) return std::nullopt;
  const auto forwarded = request.HeaderList("X-Forwarded-Proto");
  bool https = request.peer().tls || request.peer().loopback;
  if (!forwarded.empty() && FromTrustedProxy(request)) {
    // A proxy that appends to the header keeps the values sent by the client: all values must
    // agree.
    https = std::ranges::all_of(forwarded, [](std::string_view word) {
      const std::string scheme = Lower(word);
      return scheme == "https" || scheme == "wss";
    });
  }
  if (!https) return Error{.code = ErrorCode::https_required, .detail = "Use HTTPS."};
  return std::nullopt;
}

std::optional<Error> SitePolicy::CheckOrigin(const Request& request) const {
  if (!request.HasHeader("Origin")) return std::nullopt;
  const Error refused{.code = ErrorCode::foreign_origin,
                      .detail = "This Origin is not allowed; see allowed_hosts."};
  const auto header = request.HeaderOnce("Origin");
  if (!header) return refused;
  if (any_allowed_) return std::nullopt;
  const auto origin = ParseOrigin(*header);
  if (!origin) return refused;
  const std::string& name = origin->host.name;
  const std::string port =
      origin->host.port.empty() ? std::string(DefaultPort(origin->scheme)) : origin->host.port;
  if (const auto host = ParseHost(request.Header("Host")); host && host->name == name) {
    // The page was loaded from this server, on any port of the proxy.
    const bool web = origin->scheme == "http" || origin->scheme == "https";
    if (web && (host->port.empty() || host->port == port)) return std::nullopt;
  }
  const bool listed = std::ranges::any_of(allowed_, [&](const Allowed& entry) {
    if (!NameMatches(entry.name, name)) return false;
    if (!entry.scheme.empty() && entry.scheme != origin->scheme) return false;
    const std::string_view want = entry.port.empty() && !entry.scheme.empty()
                                      ? DefaultPort(entry.scheme)
                                      : std::string_view(entry.port);
    return want.empty() || want == port;
  });
  if (listed || (allowed_.empty() && !options_.production && IsLocalName(name))) {
    return std::nullopt;
  }
  return refused;
}

}  // namespace parley
