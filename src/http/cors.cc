#include "http/cors.h"

#include <algorithm>

#include "http/http_syntax.h"

namespace parley {
namespace {

// Returns the origin in lower case without the default port: "https://a.example:443" is
// "https://a.example".
std::string Normal(std::string_view origin) {
  std::string out(origin);
  std::ranges::transform(out, out.begin(), AsciiLower);
  const std::string_view own = out.starts_with("https://")  ? ":443"
                               : out.starts_with("http://") ? ":80"
                                                            : "";
  if (own.empty() || !out.ends_with(own)) return out;
  return std::string(std::string_view(out).substr(0, out.size() - own.size()));
}

// `origin` is `base`, or `base` with a port.
bool OnAnyPort(std::string_view origin, std::string_view base) {
  if (!origin.starts_with(base)) return false;
  origin.remove_prefix(base.size());
  if (origin.empty()) return true;
  return origin.size() > 1 && origin.size() <= 6 && origin[0] == ':' &&
         origin.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

}  // namespace

CorsPolicy::CorsPolicy(CorsOptions options) : local_(options.local_origins) {
  for (const std::string& origin : options.allowed_origins) {
    any_ |= origin == "*";
    origins_.push_back(Normal(origin));
  }
}

bool CorsPolicy::Allows(std::optional<std::string_view> origin, std::string_view host) const {
  if (any_) return true;
  if (!origin) return false;
  const std::string normal = Normal(*origin);
  if (std::ranges::find(origins_, normal) != origins_.end()) return true;
  if (!local_ || normal == "null") return false;
  return OnAnyPort(normal, "http://localhost") || OnAnyPort(normal, "http://127.0.0.1") ||
         normal == Normal("http://" + std::string(host)) ||
         normal == Normal("https://" + std::string(host));
}

std::string CorsPolicy::Headers(std::optional<std::string_view> origin,
                                std::string_view host) const {
  constexpr std::string_view kExposed =
      "Access-Control-Expose-Headers: Link, Retry-After, RateLimit, RateLimit-Policy, ETag\r\n";
  if (any_) return "Access-Control-Allow-Origin: *\r\n" + std::string(kExposed);
  if (origins_.empty() && !local_) return {};
  std::string lines = "Vary: Origin\r\n";
  if (!Allows(origin, host) || origin->find_first_of("\r\n") != std::string_view::npos) {
    return lines;
  }
  lines.append("Access-Control-Allow-Origin: ").append(*origin).append("\r\n");
  lines.append("Access-Control-Allow-Credentials: true\r\n").append(kExposed);
  return lines;
}

std::string CorsPolicy::PreflightHeaders(std::string_view methods) {
  std::string lines = "Access-Control-Allow-Methods: ";
  lines.append(methods).append(
      "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, "
      "Last-Event-ID, X-On-Behalf-Of\r\nAccess-Control-Max-Age: 600\r\n");
  return lines;
}

}  // namespace parley
