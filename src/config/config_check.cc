#include "config/config_check.h"

#include <algorithm>
#include <string_view>

#include "config/issuer_entry.h"

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
    CheckCache();
    if (config_.drain_delay >= config_.timeout_graceful_shutdown) {
      Refuse("drain_delay", "must be less than timeout_graceful_shutdown, which includes it");
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
        Refuse("auth.public_key", auth.algorithm + " requires auth.public_key or auth.jwks");
      }
      if (!auth.public_key.empty() && !auth.jwks.empty()) {
        Refuse("auth.jwks",
               "cannot be combined with auth.public_key; use auth.issuers for further keys");
      }
      return;
    }
    if (!auth.jwks.empty()) {
      Refuse("auth.jwks", "cannot be used with " + auth.algorithm + "; set auth.algorithm");
    }
    if (!auth.public_key.empty()) {
      Refuse("auth.public_key", "cannot be used with " + auth.algorithm + "; set auth.algorithm");
    }
    if (auth.secret_key.empty()) {
      if (config_.production() && auth.issuers.empty()) {
        Refuse("auth.secret_key", "production requires a JWT key: set JWT_SECRET_KEY");
      }
    } else if (auth.secret_key.size() < kShortestSecret) {
      const std::string what =
          "is shorter than " + std::to_string(kShortestSecret) + " bytes, which production refuses";
      config_.production() ? Refuse("auth.secret_key", what) : Note("auth.secret_key", what);
    }
  }

  // Users of two issuers share their ids, unless a prefix separates them.
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
                             " issuers have no prefix=TEXT: each of them can issue tokens for the "
                             "users of the others");
  }

  void CheckProduction() {
    if (!config_.production()) return;
    if (!config_.store.fsync) {
      Refuse("store.fsync", "cannot be off in production: acknowledged messages could be lost");
    }
    if (config_.test_echo) Refuse("test_echo", "cannot be on in production");
    if (config_.auth.secret_key.starts_with("django-insecure-")) {
      Refuse("auth.secret_key",
             "begins with django-insecure-: Django generated it for development; production "
             "requires another key");
    }
    if (config_.allowed_hosts.empty()) {
      Note("allowed_hosts", "is empty: requests for any Host are accepted");
    }
    const auto& proxies = config_.forwarded_allow_ips;
    if (config_.proxy_headers && std::find(proxies.begin(), proxies.end(), "*") != proxies.end()) {
      Note("forwarded_allow_ips", "is *: any client can claim any address");
    }
  }

  // A default of development mode must not expose a configured deployment to the network.
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
        "is not set: a configured key, database or Redis would be exposed in development mode on " +
            (config_.fd ? "an inherited socket" : config_.host) +
            "; set env (or DJANGO_ENV) to production or development");
  }

  void CheckListener() {
    const SslConfig& ssl = config_.ssl;
    if (ssl.keyfile.empty() != ssl.certfile.empty()) {
      Refuse(ssl.keyfile.empty() ? "ssl.keyfile" : "ssl.certfile",
             "is missing: TLS needs both ssl.keyfile and ssl.certfile");
    }
    if (config_.uds || config_.fd || config_.port == 0 || !config_.admin.port) return;
    if (*config_.admin.port == config_.port) {
      Refuse("admin.port",
             "must differ from the main port; leave it unset to serve both on the main port");
    }
  }

  // It works, but clear() of a Django cache that has the same LOCATION deletes the groups of the channel layer.
  void CheckCache() {
    const CacheConfig& cache = config_.cache;
    if (!cache.enabled || config_.redis.url.empty()) return;
    if (!cache.location.empty() && cache.location != config_.redis.url) return;
    Note("cache.location",
         "is the Redis database of the bus and the channel layer: FLUSHDB there, such as clear() "
         "of a Django cache, also deletes the groups of the channel layer; set REDIS_CACHE_URL to "
         "another database");
  }

  void CheckSizes() {
    const Limits& limits = config_.limits;
    if (limits.content_bytes > limits.frame_bytes) {
      Refuse("limits.content_bytes", "must not exceed websocket.max_size");
    }
    if (limits.content_bytes > limits.body_bytes) {
      Refuse("limits.content_bytes", "must not exceed limits.body_bytes");
    }
    // JSON encodes a one-byte control character in six bytes.
    const size_t largest_event = 6 * limits.content_bytes + limits.metadata_bytes + 4096;
    if (config_.websocket.outbox_bytes < largest_event) {
      Refuse("websocket.outbox_bytes", "must be at least the size of the largest event, " +
                                           std::to_string(largest_event) +
                                           " bytes with these limits");
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
