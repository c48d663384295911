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
  std::string port;  // empty: the scheme's own
};

// uri-host [":" port] of RFC 9110 §7.2; no user info, nothing else.
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

// The bytes of an address as text: 4, 16, or none where it is none.
std::string AddressBytes(std::string_view text) {
  char bytes[16];
  const std::string name(text);
  if (::inet_pton(AF_INET, name.c_str(), bytes) == 1) return {bytes, 4};
  if (::inet_pton(AF_INET6, name.c_str(), bytes) == 1) return {bytes, 16};
  return {};
}

// Is the address the one written, or in the network written (RFC 4632)?
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

// RFC 9112 §3.2.2: the host of an absolute-form target counts, and a Host field must not name
// another (faults.md H1).
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

}  // namespace

bool SitePolicy::HostAllowed(std::string_view name) const {
  if (options_.allowed_hosts.empty()) {
    if (options_.production) return true;
    // Names that DNS cannot point at us from outside, so that no foreign page reaches a laptop.
    return name == "localhost" || name.ends_with(".localhost") || IsAddress(std::string(name));
  }
  return std::ranges::any_of(options_.allowed_hosts, [&](const std::string& pattern) {
    const std::string want = Lower(pattern);
    if (want == "*" || want == name) return true;
    return want.starts_with('.') &&
           (name.ends_with(want) || name == std::string_view(want).substr(1));
  });
}

bool SitePolicy::FromTrustedProxy(const Request& request) const {
  if (!options_.trust_proxy_headers) return false;
  return std::ranges::any_of(options_.trusted_proxies, [&](const std::string& proxy) {
    // A peer on a Unix socket has no address; who may open it is ours already.
    return proxy == "*" || request.peer().address.empty() ||
           InNetwork(request.peer().address, proxy);
  });
}

bool SitePolicy::IsTrustedProxy(std::string_view address) const {
  return std::ranges::any_of(options_.trusted_proxies, [&](const std::string& proxy) {
    return proxy == "*" || InNetwork(address, proxy);
  });
}

std::string SitePolicy::ClientAddress(const Request& request) const {
  if (!FromTrustedProxy(request)) return request.peer().address;
  const auto named = request.HeaderList("X-Forwarded-For");
  std::string_view client = request.peer().address;
  for (auto address = named.rbegin(); address != named.rend(); ++address) {
    if (AddressBytes(*address).empty()) break;  // nothing before it can be believed
    client = *address;
    if (!IsTrustedProxy(client)) break;
  }
  return std::string(client);
}

std::optional<Error> SitePolicy::CheckRequest(const Request& request) const {
  if (auto error = CheckAuthority(request)) return error;
  if (IsProbe(request)) return std::nullopt;
  const auto header = request.HeaderOnce("Host");
  if (!header && (request.http_version() >= 11 || request.HasHeader("Host"))) {
    return Error{.code = ErrorCode::bad_host, .detail = "Exactly one Host header is needed."};
  }
  if (header) {
    const auto host = ParseHost(*header);
    if (!host || !HostAllowed(host->name)) {
      return Error{.code = ErrorCode::bad_host,
                   .detail = "This server does not answer to that Host; see allowed_hosts."};
    }
  }
  if (!request.authority().empty()) {
    const auto target = ParseHost(request.authority());
    if (!target || !HostAllowed(target->name)) {
      return Error{.code = ErrorCode::bad_host,
                   .detail = "This server does not answer to that host; see allowed_hosts."};
    }
  }
  if (options_.production && !options_.allow_plain_http && !request.peer().loopback &&
      !request.peer().tls) {
    // A proxy that appends leaves what the client wrote in front of its own word: all must agree.
    const auto said = request.HeaderList("X-Forwarded-Proto");
    const bool https = FromTrustedProxy(request) && !said.empty() &&
                       std::ranges::all_of(said, [](auto word) { return word == "https"; });
    if (!https) {
      return Error{.code = ErrorCode::https_required, .detail = "Use HTTPS."};
    }
  }
  return std::nullopt;
}

std::optional<Error> SitePolicy::CheckOrigin(const Request& request) const {
  if (!request.HasHeader("Origin")) return std::nullopt;
  const Error refused{.code = ErrorCode::foreign_origin,
                      .detail = "This Origin is not served here; see allowed_hosts."};
  const auto header = request.HeaderOnce("Origin");
  if (!header) return refused;
  const std::string origin = Lower(*header);
  const size_t slashes = origin.find("://");
  if (slashes == std::string::npos) return refused;
  const std::string scheme = origin.substr(0, slashes);
  const auto from = ParseHost(std::string_view(origin).substr(slashes + 3));
  if (!from || (scheme != "http" && scheme != "https")) return refused;

  if (const auto host = ParseHost(request.Header("Host")); host && host->name == from->name) {
    // The page came from this very server, on whatever port the proxy shows.
    const std::string_view page = from->port.empty() ? DefaultPort(scheme) : from->port;
    if (host->port.empty() || host->port == page) return std::nullopt;
  }
  const bool listed = !options_.allowed_hosts.empty() || !options_.production;
  if (listed && HostAllowed(from->name)) return std::nullopt;
  return refused;
}

}  // namespace parley
