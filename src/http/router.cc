#include "http/router.h"

namespace parley {
namespace {

bool IsParam(std::string_view part) { return part.starts_with('{'); }

// Counts literal parts, which take precedence over parameters: /messages/unread_count is not a message.
int Literals(const Route& route) {
  int count = 0;
  for (const std::string& part : route.parts) count += IsParam(part) ? 0 : 1;
  return count;
}

}  // namespace

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    parts.emplace_back(part);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return parts;
}

void Router::Add(std::string method, std::string pattern, Access access, Limit limit,
                 HttpHandler handler, size_t streamed_bytes) {
  auto route = std::make_unique<Route>(Route{.method = std::move(method),
                                             .pattern = std::move(pattern),
                                             .access = access,
                                             .limit = limit,
                                             .handler = std::move(handler),
                                             .streamed_bytes = streamed_bytes});
  route->parts = SplitPath(route->pattern);
  routes_.push_back(std::move(route));
}

Router::Match Router::Find(std::string_view method, const std::vector<std::string>& parts) {
  Match match;
  int best = -1;
  for (const auto& route : routes_) {
    if (route->parts.size() != parts.size()) continue;
    std::vector<std::pair<std::string, std::string>> params;
    bool fits = true;
    for (size_t i = 0; i < parts.size() && fits; ++i) {
      const std::string& want = route->parts[i];
      if (IsParam(want)) {
        fits = !parts[i].empty();
        params.emplace_back(want.substr(1, want.size() - 2), parts[i]);
      } else {
        fits = want == parts[i];
      }
    }
    if (!fits) continue;
    const int literals = Literals(*route);
    if (literals < best) continue;
    if (literals > best) {
      best = literals;
      match = Match{};
    }
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route->method;
    if (route->method == "GET") match.allow += ", HEAD";
    if (route->method == method || (route->method == "GET" && method == "HEAD")) {
      match.route = route.get();
      match.params = std::move(params);
    }
  }
  return match;
}

}  // namespace parley
