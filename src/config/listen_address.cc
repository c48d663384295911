#include "config/listen_address.h"

#include <algorithm>
#include <array>

namespace parley {
namespace {

// The fields of a Twisted endpoint, in the syntax of Daphne's -e: "ssl:443:privateKey=key.pem". A
// backslash escapes the next character.
std::vector<std::string> EndpointFields(std::string_view text) {
  std::vector<std::string> fields(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ':') {
      fields.emplace_back();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      fields.back() += text[i];
    }
  }
  return fields;
}

// Returns the options of an endpoint; nullopt if its kind or a field is not supported.
std::optional<std::vector<GivenOption>> ExpandEndpoint(const GivenOption& endpoint) {
  struct Field {
    std::string_view kind, name, key;
    bool unnamed;  // it may stand first, without its name
  };
  constexpr Field kFields[] = {
      {"tcp", "port", "port", true},
      {"tcp", "interface", "host", false},
      {"tcp", "backlog", "backlog", false},
      {"ssl", "port", "port", true},
      {"ssl", "interface", "host", false},
      {"ssl", "backlog", "backlog", false},
      {"ssl", "privateKey", "ssl.keyfile", false},
      {"ssl", "certKey", "ssl.certfile", false},
      {"unix", "address", "uds", true},
      {"unix", "mode", "uds_mode", false},
      {"unix", "backlog", "backlog", false},
      {"fd", "fileno", "fd", true},
  };
  const std::vector<std::string> fields = EndpointFields(endpoint.text);
  const std::string& kind = fields.front();
  std::vector<GivenOption> parts;
  bool has_host = kind != "tcp" && kind != "ssl";
  for (size_t i = 1; i < fields.size(); ++i) {
    const size_t equals = fields[i].find('=');
    const std::string name = equals == std::string::npos ? "" : fields[i].substr(0, equals);
    const auto* const field = std::ranges::find_if(kFields, [&](const Field& one) {
      return one.kind == kind && (name.empty() ? one.unnamed && i == 1 : one.name == name);
    });
    if (field == std::end(kFields)) return std::nullopt;
    has_host |= field->key == "host";
    parts.push_back({FindOption(field->key),
                     fields[i].substr(equals == std::string::npos ? 0 : equals + 1), endpoint.level,
                     endpoint.where});
  }
  if (parts.empty()) return std::nullopt;
  if (!has_host) parts.push_back({FindOption("host"), "0.0.0.0", endpoint.level, endpoint.where});
  return parts;
}

bool IsEndpoint(const GivenOption& given) {
  return given.where == "-e" || given.where == "--endpoint";
}

// Returns the options of a `host`.
std::vector<GivenOption> Expand(const GivenOption& host) {
  const std::string& text = host.text;
  const auto as = [&](std::string_view key, std::string value) {
    return GivenOption{FindOption(key), std::move(value), host.level, host.where};
  };
  if (text.starts_with("unix:")) return {as("uds", text.substr(5))};
  if (text.starts_with("fd://")) return {as("fd", text.substr(5))};

  std::string name = text;
  std::optional<std::string> port;
  const size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (bracketed && colon != std::string::npos && colon > 0 && text[colon - 1] == ']') {
    port = text.substr(colon + 1);
    name = text.substr(0, colon);
  } else if (!bracketed && colon != std::string::npos && text.find(':') == colon) {
    port = text.substr(colon + 1);  // more than one colon: an IPv6 address
    name = text.substr(0, colon);
  }
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);

  std::vector<GivenOption> parts;
  if (!name.empty() || !port) parts.push_back(as("host", name));
  if (port) parts.push_back(as("port", *port));
  return parts;
}

// The kind of address that an option belongs to.
enum Way : size_t { kTcp, kUnixSocket, kDescriptor, kNoWay };
Way WayOf(const Option& option) {
  const std::string key = KeyOf(option);
  if (key == "host" || key == "port") return kTcp;
  if (key == "uds") return kUnixSocket;
  return key == "fd" ? kDescriptor : kNoWay;
}

// Returns whether both are complete addresses, so that the second does not just refine the first.
bool Contradict(const GivenOption& a, const GivenOption& b) {
  const bool binds = a.where == "-b" || a.where == "--bind" || IsEndpoint(a);
  return a.option == b.option && a.level == b.level && a.text != b.text &&
         (a.where != b.where || binds);
}

}  // namespace

void ExpandHosts(std::vector<GivenOption>& given, std::vector<std::string>& errors) {
  std::vector<GivenOption> expanded;
  for (GivenOption& one : given) {
    if (KeyOf(*one.option) != "host") {
      expanded.push_back(std::move(one));
      continue;
    }
    if (IsEndpoint(one)) {
      auto parts = ExpandEndpoint(one);
      if (!parts) errors.push_back(one.where + ": '" + one.text + "' is not a supported endpoint");
      for (GivenOption& part : parts.value_or(std::vector<GivenOption>())) {
        expanded.push_back(std::move(part));
      }
      continue;
    }
    for (GivenOption& part : Expand(one)) expanded.push_back(std::move(part));
  }
  for (size_t i = 0; i < expanded.size(); ++i) {
    const GivenOption& later = expanded[i];
    if (WayOf(*later.option) == kNoWay) continue;
    const auto end = expanded.begin() + static_cast<std::ptrdiff_t>(i);
    const auto earlier = std::find_if(
        expanded.begin(), end, [&](const GivenOption& other) { return Contradict(other, later); });
    if (earlier == end) continue;
    errors.push_back(later.where + ": " + KeyOf(*later.option) + ": '" + later.text +
                     "' conflicts with '" + earlier->text + "' of " + earlier->where +
                     "; a server listens on one address");
  }
  given = std::move(expanded);
}

void ChooseListener(std::vector<GivenOption>& given, std::vector<std::string>& errors,
                    std::vector<std::string>& notes) {
  std::array<const GivenOption*, 3> strongest{};
  for (const GivenOption& one : given) {
    const Way way = WayOf(*one.option);
    if (way == kNoWay) continue;
    if (strongest[way] == nullptr || strongest[way]->level <= one.level) strongest[way] = &one;
  }
  const GivenOption* chosen = nullptr;
  for (const GivenOption* one : strongest) {
    if (one == nullptr) continue;
    if (chosen != nullptr && chosen->level == one->level) {
      errors.push_back(one->where + ": " + KeyOf(*one->option) + ": cannot be combined with " +
                       KeyOf(*chosen->option) + " (" + chosen->where + ")");
    }
    if (chosen == nullptr || chosen->level < one->level) chosen = one;
  }
  if (chosen == nullptr) return;
  const Way way = WayOf(*chosen->option);
  const std::string winner = KeyOf(*chosen->option) + " (" + chosen->where + ")";
  std::erase_if(given, [&](const GivenOption& one) {
    const Way other = WayOf(*one.option);
    if (other == kNoWay || other == way) return false;
    notes.push_back(one.where + ": " + KeyOf(*one.option) + ": is overridden by " + winner);
    return true;
  });
}

}  // namespace parley
