#include "app/config_check.h"

#include <algorithm>
#include <string_view>

#include "app/issuer_entry.h"

namespace parley {
namespace {

constexpr size_t kShortestSecret = 32;  // bytes; RFC 7518 §3.2 for HS256

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.") ||
         host.starts_with("::ffff:127.");
}

class Checking {
 public:
  Checking(const Config& config, const std::map<std::string, std::string>& sources)
      : config_(config), sources_(sources) {}

  CheckFindings Check() {
    CheckKey();
    CheckIssuers();
    CheckProduction();
    CheckDevelopment();
    CheckListener();
    CheckSizes();
    if (config_.drain_delay >= config_.timeout_graceful_shutdown) {
      Refuse("drain_delay", "must be less than timeout_graceful_shutdown, which it is part of");
    }
    return std::move(found_);
  }

 private:
  std::string Source(const std::string& key) const {
    const auto found = sources_.find(key);
    return found == sources_.end() || found->second == "default" ? "" : found->second + ": ";
  }
  void Refuse(const std::string& key, std::string_view what) {
    found_.errors.push_back(Source(key) + key + ": " + std::string(what));
  }
  void Note(const std::string& key, std::string_view what) {
    found_.notes.push_back(Source(key) + key + ": " + std::string(what));
  }

  void CheckKey() {
    const AuthConfig& auth = config_.auth;
    if (!auth.algorithm.starts_with("HS")) {
      if (auth.public_key.empty() && auth.jwks.empty()) {
        Refuse("auth.public_key", auth.algorithm + " needs it, or auth.jwks");
      }
      if (!auth.public_key.empty() && !auth.jwks.empty()) {
        Refuse("auth.jwks", "is instead of auth.public_key, not besides; see auth.issuers");
      }
      return;
    }
    if (!auth.jwks.empty()) {
      Refuse("auth.jwks", "is of no use to " + auth.algorithm + "; set auth.algorithm too");
    }
    if (!auth.public_key.empty()) {
      Refuse("auth.public_key", "is of no use to " + auth.algorithm + "; set auth.algorithm too");
    }
    if (auth.secret_key.empty()) {
      if (config_.production() && auth.issuers.empty()) {
        Refuse("auth.secret_key", "production needs a JWT key: set JWT_SECRET_KEY");
      }
    } else if (auth.secret_key.size() < kShortestSecret) {
      const std::string what =
          "is shorter than " + std::to_string(kShortestSecret) + " bytes, which production refuses";
      config_.production() ? Refuse("auth.secret_key", what) : Note("auth.secret_key", what);
    }
  }

  // User ids of two issuers are the same users, unless a prefix keeps them apart.
  void CheckIssuers() {
    const AuthConfig& auth = config_.auth;
    const bool own = !auth.secret_key.empty() || !auth.public_key.empty() || !auth.jwks.empty();
    size_t without_prefix = own ? 1 : 0;
    for (const std::string& text : auth.issuers) {
      const auto entry = ParseIssuerEntry(text);
      if (entry && entry->user_prefix.empty()) ++without_prefix;
    }
    if (!config_.production() || without_prefix < 2) return;
    Note("auth.issuers", std::to_string(without_prefix) +
                             " issuers have no prefix=TEXT: each of them can name any user of the "
                             "others");
  }

  void CheckProduction() {
    if (!config_.production()) return;
    if (!config_.store.fsync) {
      Refuse("store.fsync", "production refuses off: acknowledged messages could be lost");
    }
    if (config_.test_echo) Refuse("test_echo", "is never on in production");
    if (config_.auth.secret_key.starts_with("django-insecure-")) {
      Refuse("auth.secret_key",
             "begins with django-insecure-: Django made it for development; production needs "
             "another");
    }
    if (config_.allowed_hosts.empty()) {
      Note("allowed_hosts", "is empty: requests for any Host are answered");
    }
    const auto& proxies = config_.forwarded_allow_ips;
    if (config_.proxy_headers && std::find(proxies.begin(), proxies.end(), "*") != proxies.end()) {
      Note("forwarded_allow_ips", "is *: any client can say which address it comes from");
    }
  }

  // A guess that this is a laptop must not open a configured deployment to the network.
  void CheckDevelopment() {
    const auto env = sources_.find("env");
    if (config_.production() || env == sources_.end() || env->second != "default") return;
    if (config_.uds || (!config_.fd && IsLoopback(config_.host))) return;
    const AuthConfig& auth = config_.auth;
    const bool configured = !auth.secret_key.empty() || !auth.public_key.empty() ||
                            !auth.jwks.empty() || !auth.issuers.empty() ||
                            !config_.database.url.empty() || !config_.redis.url.empty();
    if (!configured) return;
    Refuse(
        "env",
        "is not set, and a configured key, database or Redis would be served in development on " +
            (config_.fd ? "an inherited socket" : config_.host) +
            "; set env (or DJANGO_ENV) to production or development");
  }

  void CheckListener() {
    const SslConfig& ssl = config_.ssl;
    if (ssl.keyfile.empty() != ssl.certfile.empty()) {
      Refuse(ssl.keyfile.empty() ? "ssl.keyfile" : "ssl.certfile", "is needed too: TLS takes both");
    }
    if (config_.uds || config_.fd || config_.port == 0 || !config_.admin.port) return;
    if (*config_.admin.port == config_.port) {
      Refuse("admin.port", "is the main port; leave it unset to serve both there");
    }
  }

  void CheckSizes() {
    const Limits& limits = config_.limits;
    if (limits.content_bytes > limits.frame_bytes) {
      Refuse("limits.content_bytes", "is more than websocket.max_size, in which it must arrive");
    }
    if (limits.content_bytes > limits.body_bytes) {
      Refuse("limits.content_bytes", "is more than limits.body_bytes, in which it must arrive");
    }
    // JSON writes a control character of one byte as six.
    const size_t largest_event = 6 * limits.content_bytes + limits.metadata_bytes + 4096;
    if (config_.websocket.outbox_bytes < largest_event) {
      Refuse("websocket.outbox_bytes", "must hold the largest message, " +
                                           std::to_string(largest_event) +
                                           " bytes at these limits.content_bytes");
    }
  }

  const Config& config_;
  const std::map<std::string, std::string>& sources_;
  CheckFindings found_;
};

}  // namespace

CheckFindings CheckConfig(const Config& config, const std::map<std::string, std::string>& sources) {
  return Checking(config, sources).Check();
}

}  // namespace parley
