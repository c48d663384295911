// The configuration as typed values, filled by LoadConfig from file, environment and command line. The
// defaults here are those of development; the rows in options/ have the defaults of production,
// and the meaning of each option.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/foreign_messages.h"
#include "domain/limits.h"

namespace parley {

enum class Deployment { kDevelopment, kProduction };
enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError, kCritical };
enum class LogFormat { kText, kJson };
// Which users can create task conversations.
enum class TaskConversations { kParticipants, kService };
enum class SerializerFormat { kMsgpack, kJson };

struct AuthConfig {
  std::string algorithm = "HS256";
  std::string
      secret_key;  // HS*: the key's bytes; if empty in development, the server generates one
  std::string public_key;   // other algorithms: path of a PEM file
  std::string private_key;  // path of a PEM file; only for signing tokens
  std::string jwks;         // path or URL of a key set, instead of public_key
  Duration jwks_refresh = std::chrono::minutes(5);
  Duration jwks_cooldown = std::chrono::seconds(30);
  Duration jwks_max_age = std::chrono::hours(24);
  Duration revocations_kept = std::chrono::hours(24 * 90);
  std::vector<std::string> issuers;  // further issuers, in the format of ParseIssuerEntry
  std::string issuer;                // empty: not checked
  std::string audience;              // empty: not checked
  Duration leeway{0};
  bool require_token_type = false;
};

struct WebSocketConfig {
  Duration ping_interval = std::chrono::seconds(25);
  Duration ping_timeout = std::chrono::seconds(20);
  Duration authenticate_timeout = std::chrono::seconds(5);
  Duration slow_reader_timeout = std::chrono::seconds(60);
  size_t outbox_bytes = 1024 * 1024;  // per connection
  bool per_message_deflate = false;
  std::string url;
};

struct RateLimitConfig {
  bool shared = true;  // among the nodes of one Redis
  int reads_per_second = 100;
  int reads_burst = 1000;
  int sends_per_second = 20;
  int sends_burst = 100;
  int creates_per_second = 5;
  int creates_burst = 100;
  int members_per_second = 100;
  int members_burst = 5000;
  int uploads_per_second = 5;
  int uploads_burst = 50;
  int commands_per_second = 50;
  int commands_burst = 500;
  int connects_per_second = 5;
  int connects_burst = 100;
  int address_connects_per_second = 100;
  int address_connects_burst = 5000;
  int sockets_per_user = 100;  // concurrent; 0: no limit
  int sockets_per_address = 10'000;
};

struct StoreConfig {
  bool fsync = true;
  int reader_threads = 2;
  size_t queue = 10'000;  // maximum queued writes; further ones get store_unavailable
};

struct AttachmentsConfig {
  std::string directory;  // empty: "attachments" in the data directory
  std::string
      media_root;  // of a Django system whose database was taken over; empty: its files are not served
  Duration unattached_kept = std::chrono::hours(24);
  Duration url_ttl = std::chrono::hours(1);  // lifetime of signed links; 0: links are not signed
  int concurrent_uploads = 64;               // per node; further ones get 503
  int concurrent_uploads_per_user = 8;
  int64_t least_free_bytes = 256 * 1024 * 1024;  // minimum free disk space for uploads
};

struct CompatConfig {
  bool guide = false;  // behave as the guide's system where Parley's default differs
};

struct AdminConfig {
  std::string host = "127.0.0.1";
  std::optional<uint16_t> port;  // nullopt: the main port
};

struct HttpConfig {
  Duration keep_alive_timeout = std::chrono::seconds(120);
};

struct SslConfig {
  std::string keyfile, certfile;
};

struct RedisConfig {
  std::string url;
};

struct DatabaseConfig {
  std::string url;
};

struct ChannelLayerConfig {
  std::string backend = "channels_redis.core.RedisChannelLayer";
  std::vector<std::string> hosts;
  std::string prefix = "asgi";
  int capacity = 1500;
  Duration expiry = std::chrono::seconds(60);
  Duration group_expiry = std::chrono::hours(24);
  std::vector<std::string> channel_capacity;  // "pattern=capacity"
  std::vector<std::string> symmetric_encryption_keys;
  SerializerFormat serializer_format = SerializerFormat::kMsgpack;
  int random_prefix_length = 12;  // bytes
  std::vector<std::string> application_events;
  bool django = true;
  ForeignMessages foreign_messages = ForeignMessages::kRelay;
};

struct CacheConfig {
  bool enabled = true;
  std::string location;  // empty: redis.url
  Duration socket_connect_timeout = std::chrono::seconds(5);
  Duration socket_timeout = std::chrono::seconds(5);
  int max_connections = 100;
  std::string compressor = "zlib";
  bool ignore_exceptions = true;
  std::string key_prefix;
  Duration timeout = std::chrono::minutes(5);
};

struct Config {
  Deployment env = Deployment::kDevelopment;
  bool production() const { return env == Deployment::kProduction; }

  // The listener: at most one of uds and fd is set; if one is, host and port are not used.
  std::string host = "127.0.0.1";
  uint16_t port = 8000;            // 0: any free port
  std::optional<std::string> uds;  // path of a Unix socket
  std::string uds_mode = "0660";   // its permissions, octal
  std::optional<int> fd;           // an inherited listening socket
  int backlog = 2048;

  int shards = 0;  // 0: one per core
  std::string data_dir = "./data";
  size_t limit_concurrency = 0;  // connections; 0: as many as open files allow
  bool proxy_headers = true;
  std::vector<std::string> forwarded_allow_ips = {"127.0.0.1", "::1"};  // addresses, CIDR, or "*"
  bool allow_plain_http = false;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> cors_allowed_origins;
  std::vector<std::string> api_prefixes = {"/api/messaging"};
  bool access_log = true;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  int log_lines_per_second = 10'000;  // 0: no limit
  Duration drain_delay{0};
  Duration timeout_graceful_shutdown = std::chrono::seconds(30);
  bool rate_limits = false;
  bool test_echo = false;
  TaskConversations task_conversations = TaskConversations::kParticipants;

  RateLimitConfig rate_limit;
  AuthConfig auth;
  WebSocketConfig websocket;
  Limits limits;  // limits.frame_bytes is the option websocket.max_size
  StoreConfig store;
  AttachmentsConfig attachments;
  AdminConfig admin;
  HttpConfig http;
  SslConfig ssl;
  RedisConfig redis;
  DatabaseConfig database;
  CompatConfig compat;
  ChannelLayerConfig channel_layer;
  CacheConfig cache;
};

}  // namespace parley
