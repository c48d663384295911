#include "app/node.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <random>
#include <thread>

#include "app/cache_options.h"
#include "app/django_options.h"
#include "app/process.h"
#include "app/process_metrics.h"
#include "app/signing_key.h"
#include "base/log.h"
#include "blob/file_blob_store.h"
#include "bus/bus_metrics.h"
#include "bus/redis_bus.h"
#include "domain/permissions.h"
#include "feature/apidoc/apidoc_api.h"
#include "feature/attachments/attachments_api.h"
#include "feature/connection/connection_api.h"
#include "feature/conversations/conversations_api.h"
#include "feature/development/development_api.h"
#include "feature/django/django_metrics.h"
#include "feature/messages/messages_api.h"
#include "feature/presence/presence_api.h"
#include "feature/receipts/receipts_api.h"
#include "feature/revocations/revocations_api.h"
#include "feature/trace/trace_api.h"
#include "feature/typing/typing_api.h"
#include "http/http_metrics.h"
#include "hub/hub_metrics.h"
#include "net/net_metrics.h"
#include "redis/redis_metrics.h"
#include "session/ws_endpoint.h"
#include "session/ws_metrics.h"
#include "store/postgres/open_postgres.h"
#include "store/sqlite/open_sqlite.h"
#include "store/store_metrics.h"

namespace parley {
namespace {

// The maximum rate at which clients reconnect after a restart, per millisecond.
constexpr int64_t kReconnectsPerMillisecond = 2;
constexpr int64_t kLeastReconnectSpread = 500;

SiteOptions SiteOptionsOf(const Config& config) {
  return {.production = config.production(),
          .allowed_hosts = config.allowed_hosts,
          .trust_proxy_headers = config.proxy_headers,
          .trusted_proxies = config.forwarded_allow_ips,
          .allow_plain_http = config.allow_plain_http};
}

// The policy of the admin port: any Host, without TLS. The port must not be exposed to the public.
SiteOptions AdminSiteOptionsOf(const Config& config) {
  SiteOptions options = SiteOptionsOf(config);
  if (!config.production()) return options;
  options.allowed_hosts.clear();
  options.allow_plain_http = true;
  return options;
}

CorsOptions CorsOptionsOf(const Config& config) {
  return {.allowed_origins = config.cors_allowed_origins,
          .local_origins = !config.production() && config.cors_allowed_origins.empty()};
}

// RFC 6797. Short in development, where the name is often localhost.
Duration HstsOf(const Config& config) {
  return config.production() ? std::chrono::hours(24 * 365) : Duration(std::chrono::minutes(5));
}

RateLimits RateLimitsOf(const Config& config) {
  const RateLimitConfig& given = config.rate_limit;
  RateLimits limits{.on = config.rate_limits,
                    .shared = given.shared && !config.redis.url.empty(),
                    .sockets_per_user = given.sockets_per_user,
                    .sockets_per_address = given.sockets_per_address};
  const auto set = [&](Limit limit, int per_second, int burst) {
    limits.rates[static_cast<size_t>(limit)] = {static_cast<double>(per_second),
                                                static_cast<double>(burst)};
  };
  set(Limit::kRead, given.reads_per_second, given.reads_burst);
  set(Limit::kSend, given.sends_per_second, given.sends_burst);
  set(Limit::kCreate, given.creates_per_second, given.creates_burst);
  set(Limit::kMembers, given.members_per_second, given.members_burst);
  set(Limit::kUpload, given.uploads_per_second, given.uploads_burst);
  set(Limit::kCommand, given.commands_per_second, given.commands_burst);
  set(Limit::kConnect, given.connects_per_second, given.connects_burst);
  set(Limit::kAddress, given.address_connects_per_second, given.address_connects_burst);
  return limits;
}

SessionOptions SessionOptionsOf(const Config& config) {
  return {.ping_interval = config.websocket.ping_interval,
          .ping_timeout = config.websocket.ping_timeout,
          .authenticate_timeout = config.websocket.authenticate_timeout,
          .slow_reader_timeout = config.websocket.slow_reader_timeout};
}

std::unique_ptr<TlsContext> TlsOf(const Config& config) {
  if (config.ssl.certfile.empty()) return nullptr;
  return std::make_unique<TlsContext>(config.ssl.certfile, config.ssl.keyfile);
}

std::unique_ptr<Store> OpenStore(const Config& config, const Clock& clock) {
  const auto readers = static_cast<size_t>(config.store.reader_threads);
  if (!config.database.url.empty()) {
    return OpenPostgresStore({.url = config.database.url,
                              .fsync = config.store.fsync,
                              .writers = ShardCount(config),
                              .reader_threads = readers,
                              .queue_writes = config.store.queue},
                             clock);
  }
  return OpenSqliteStore({.directory = config.data_dir,
                          .fsync = config.store.fsync,
                          .reader_threads = readers,
                          .queue_writes = config.store.queue},
                         clock);
}

std::unique_ptr<Bus> BusOf(const Config& config, BusCounters& counters) {
  if (config.redis.url.empty()) return nullptr;
  return std::make_unique<RedisBus>(ParseRedisUrl(config.redis.url).value(), counters);
}

std::unique_ptr<RedisCache> CacheOf(const Config& config, const Clock& clock,
                                    CacheCounters& counters) {
  auto options = CacheOptionsOf(config);
  if (!options) return nullptr;
  return std::make_unique<RedisCache>(*std::move(options), clock, counters);
}

std::filesystem::path AttachmentsDirectory(const Config& config) {
  if (!config.attachments.directory.empty()) return config.attachments.directory;
  return std::filesystem::path(config.data_dir) / "attachments";
}

}  // namespace

// Members are declared in the order of their dependencies.
struct ShardParts {
  ShardParts(Node& node, const Config& config, const Clock& clock, Shard& shard, Hub& hub,
             Store& store, const TokenVerifier& verifier, const SitePolicy& site,
             const SitePolicy& admin_site, const CorsPolicy& cors, const CorsPolicy& admin_cors,
             const FileLinks& links, const ApiPrefixes& prefixes, NoUpgrades& no_upgrades,
             RateLimiter& limiter, HeldCounts& held, ListCache* lists, NodeCounters& counters)
      : owner(node),
        ids(clock),
        json(config.limits.json_depth),
        session_options(SessionOptionsOf(config)),
        services{hub,  store,         shard,   clock, ids,
                 json, config.limits, limiter, links, config.compat.guide,
                 lists},
        sessions{hub,  store,    shard, clock,         verifier,       limiter,
                 held, commands, json,  config.limits, session_options},
        endpoint(sessions, site, counters.ws,
                 {.test_echo = config.test_echo,
                  .access_log = config.access_log,
                  .refuse_bad_tokens = config.compat.guide,
                  .deflate = config.websocket.per_message_deflate}),
        http{router,
             verifier,
             site,
             cors,
             links,
             prefixes,
             limiter,
             endpoint,
             counters.http,
             counters.connections,
             config.limits,
             config.limit_concurrency,
             config.access_log,
             config.http.keep_alive_timeout,
             HstsOf(config)},
        admin_http{admin_router,
                   verifier,
                   admin_site,
                   admin_cors,
                   links,
                   prefixes,
                   limiter,
                   no_upgrades,
                   counters.http,
                   counters.connections,
                   config.limits,
                   0,
                   config.access_log,
                   config.http.keep_alive_timeout} {}

  Node& owner;
  UuidGenerator ids;
  JsonReader json;
  Router router, admin_router;
  CommandTable commands;
  SessionOptions session_options;
  Services services;
  SessionContext sessions;
  WsEndpoint endpoint;
  HttpContext http, admin_http;
};

namespace {

std::unique_ptr<TokenVerifier> VerifierOf(const Config& config, std::shared_ptr<const Key> signing,
                                          const Clock& clock, const Revocations& revocations,
                                          SharedKeySets* shared,
                                          std::unique_ptr<KeyRefresher>& refresher) {
  std::vector<KeyPlace> places;
  VerifierOptions options = VerifierOptionsOf(config, std::move(signing), places);
  options.revocations = &revocations;
  auto verifier = std::make_unique<TokenVerifier>(std::move(options), clock);
  using std::chrono::duration_cast, std::chrono::milliseconds;
  refresher = std::make_unique<KeyRefresher>(
      std::move(places),
      RefreshOptions{.every = duration_cast<milliseconds>(config.auth.jwks_refresh),
                     .cooldown = duration_cast<milliseconds>(config.auth.jwks_cooldown),
                     .max_age = duration_cast<milliseconds>(config.auth.jwks_max_age)},
      shared);
  return verifier;
}

}  // namespace

Node::Node(const Config& config, const Clock& clock)
    : config_(config),
      clock_(clock),
      started_(clock.Now()),
      tls_(TlsOf(config)),
      store_(OpenStore(config, clock)),
      blobs_(std::make_unique<FileBlobStore>(
          FileBlobOptions{.directory = AttachmentsDirectory(config),
                          .media_root = config.attachments.media_root,
                          .least_free_bytes = config.attachments.least_free_bytes,
                          .fsync = config.store.fsync})),
      key_(config.production() && !config.auth.algorithm.starts_with("HS") ? nullptr
                                                                           : SigningKey(config)),
      cache_(CacheOf(config, clock, counters_.cache)),
      key_sets_(MakeKeySetCache()),
      verifier_(VerifierOf(config, key_, clock, revocations_, key_sets_.get(), key_refresher_)),
      site_(SiteOptionsOf(config)),
      admin_site_(AdminSiteOptionsOf(config)),
      cors_(CorsOptionsOf(config)),
      admin_cors_({}),
      links_(store_->FileKey(), config.attachments.url_ttl, clock),
      prefixes_(config.api_prefixes),
      rate_limiter_(RateLimitsOf(config), clock),
      name_(UuidGenerator(clock).Next().ToString()) {
  SetContentPrefix(prefixes_.first());
  const unsigned shards = ShardCount(config);
  for (unsigned i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, clock, counters_.connections));
  }
  health_.node = *Uuid::Parse(name_);
  status_ = std::make_unique<NodeStatus>(config_, clock_, *store_, health_, counters_.connections,
                                         counters_.ws, counters_.hub, counters_.bus);
  health_.status = [this] { return status_->Json(); };
  // The embedded store is used by one process; a database can have other writers.
  const bool shared_store = !config.database.url.empty();
  if (shared_store || !config.redis.url.empty()) {
    cluster_ = std::make_unique<Cluster>(*shards_.front(), *store_, BusOf(config, counters_.bus),
                                         counters_.bus, clock,
                                         Cluster::Options{.node = *Uuid::Parse(name_),
                                                          .store = store_->Identity(),
                                                          .shared_store = shared_store,
                                                          .taken_over = store_->IsTakenOver(),
                                                          .as_guide = config.compat.guide,
                                                          .shared_limits = SharedLimits(),
                                                          .status = health_.status});
    health_.cluster = cluster_.get();
  }
  Cluster* const publisher = shared_store ? cluster_.get() : nullptr;
  HomeOptions home{.shards = shards,
                   .live_participants = config.limits.live_participants,
                   .clock = &clock,
                   .online = &online_,
                   .other_writers = shared_store};
  std::vector<Executor*> executors;
  for (const auto& shard : shards_) executors.push_back(shard.get());
  traces_ = std::make_unique<TraceLogs>(std::move(executors), clock, [this] {
    return !config_.database.url.empty() && cluster_ != nullptr && cluster_->publishes();
  });
  home.taps = {traces_.get()};  // first: it notes the time before other nodes receive the event
  if (publisher != nullptr) {
    home.follow_sinks = {publisher};
    home.taps.push_back(publisher);
  }
  if (cache_) {
    lists_ = std::make_unique<ListCache>(*cache_, CacheFormatOf(config, store_->FileKey()),
                                         config.cache.ignore_exceptions, counters_.cache);
  }
  MakeDjangoGateway();
  if (django_) {
    home.follow_sinks.push_back(django_.get());
    home.taps.push_back(django_.get());
  }
  for (unsigned i = 0; i < shards; ++i) {
    home.trace = &traces_->of(i);
    hubs_.push_back(std::make_unique<Hub>(*shards_[i], i, *store_, counters_.hub, home, publisher));
    shards_[i]->OnEveryTick([hub = hubs_.back().get()](Monotonic now) { hub->OnTick(now); });
  }
  Hub::Connect(hubs_);
  if (cluster_) {
    cluster_->Connect(hubs_);
    shards_.front()->OnEveryTick([this](Monotonic now) { cluster_->OnTick(now); });
  }
  if (django_) {
    django_->Connect(hubs_);
    shards_.front()->OnEveryTick([this](Monotonic now) { django_->OnTick(now); });
  }
  MakeFeatures(shared_store);
  shards_.front()->OnEveryTick([this](Monotonic now) {
    for (const auto& feature : features_) feature->OnTick(now);
  });
  health_.metrics = [this](MetricFamilies& out) { AddAllMetrics(out); };
  for (unsigned i = 0; i < shards; ++i) {
    parts_.push_back(std::make_unique<ShardParts>(
        *this, config_, clock_, *shards_[i], *hubs_[i], *store_, *verifier_, site_, admin_site_,
        cors_, admin_cors_, links_, prefixes_, no_upgrades_, rate_limiter_, sockets_, lists_.get(),
        counters_));
    RegisterFeatures(*parts_.back());
  }
  const auto make = [this](bool admin) {
    return [this, admin](Shard& shard, SocketFd socket, Peer peer) {
      return MakeConnection(shard, std::move(socket), std::move(peer), admin);
    };
  };
  listener_ = std::make_unique<Listener>(
      ListenOptions{.host = config_.host,
                    .port = config_.port,
                    .unix_path = config_.uds.value_or(""),
                    .unix_mode = static_cast<unsigned>(std::stoul(config_.uds_mode, nullptr, 8)),
                    .inherited_fd = config_.fd.value_or(-1),
                    .backlog = config_.backlog,
                    .tls = tls_ != nullptr},
      shards_, make(false));
  if (config_.admin.port) {
    admin_listener_ = std::make_unique<Listener>(
        ListenOptions{.host = config_.admin.host, .port = *config_.admin.port}, shards_,
        make(true));
  }
}

RateLimiter* Node::SharedLimits() {
  const RateLimits& limits = rate_limiter_.limits();
  return limits.on && limits.shared ? &rate_limiter_ : nullptr;
}

std::unique_ptr<KeySetCache> Node::MakeKeySetCache() {
  if (!cache_) return nullptr;
  CacheFormat format = CacheFormatOf(config_, store_->FileKey());
  return std::make_unique<KeySetCache>(
      *cache_, format.seal, format.compressor, store_->Identity(),
      [format](std::string_view key) { return format.KeyOf(key); }, counters_.cache);
}

void Node::MakeDjangoGateway() {
  auto options = DjangoOptionsOf(config_, [this] {
    django_identity_ = std::make_unique<django::NodeIdentity>(config_.data_dir);
    return django_identity_->hex();
  });
  if (!options) return;
  django_ = std::make_unique<DjangoGateway>(*shards_.front(), *store_, clock_, config_.limits,
                                            counters_.django, *std::move(options),
                                            config_.channel_layer.foreign_messages);
}

Node::~Node() {
  if (django_) django_->Stop();
  if (cluster_) cluster_->Stop();
  key_refresher_.reset();  // it waits for the cache
  if (cache_) cache_->Stop();
  for (const auto& shard : shards_) shard->Stop();
  for (const auto& shard : shards_) shard->Join();
  blobs_->Close();
  store_->Close();
  // Before the objects that sessions refer to are destroyed.
  for (const auto& shard : shards_) shard->DropConnections();
}

// One line per feature.
void Node::MakeFeatures(bool shared_store) {
  const NodeServices node{*store_, *blobs_, *shards_.front(), clock_};
  const AttachmentsConfig& files = config_.attachments;
  features_.push_back(StatelessFeature(
      [tasks_by_services = config_.task_conversations == TaskConversations::kService,
       &inbox = counters_.inbox](Registry& registry, Services& services) {
        RegisterConversations(registry, services, tasks_by_services, inbox);
      }));
  features_.push_back(MakeMessages());
  features_.push_back(MakeAttachments(
      node, {.concurrent_uploads = files.concurrent_uploads,
             .concurrent_uploads_per_user =
                 config_.rate_limits ? files.concurrent_uploads_per_user : files.concurrent_uploads,
             .unattached_kept = files.unattached_kept}));
  features_.push_back(MakeRevocations(
      node, revocations_, {.kept = config_.auth.revocations_kept, .shared_store = shared_store}));
  features_.push_back(StatelessFeature([&online = online_](Registry& registry, Services& services) {
    RegisterPresence(registry, services, online);
  }));
  features_.push_back(
      StatelessFeature([&inbox = counters_.inbox](Registry& registry, Services& services) {
        RegisterReceipts(registry, services, inbox);
      }));
  features_.push_back(
      StatelessFeature([](Registry& registry, Services&) { RegisterTyping(registry); }));
  features_.push_back(
      StatelessFeature([](Registry& registry, Services&) { RegisterConnection(registry); }));
}

void Node::AddAllMetrics(MetricFamilies& out) const {
  out.AddGauges("build_info", "Version of the running binary.",
                {{{{"version", PARLEY_VERSION}}, 1}});
  std::vector<const Shard*> shards;
  uint64_t bytes_written = 0;
  for (const auto& shard : shards_) {
    shards.push_back(shard.get());
    bytes_written += shard->bytes_written();
  }
  const uint64_t pauses = listener_->pauses() + (admin_listener_ ? admin_listener_->pauses() : 0);
  AddMetrics(shards, counters_.connections, pauses, out);
  AddMetrics(counters_.ws, bytes_written, out);
  AddMetrics(counters_.http.requests, rate_limiter_, out);
  AddMetrics(counters_.hub, out);
  AddMetrics(store_->Stats(), out);
  AddMetrics(counters_.bus, out);
  AddMetrics(counters_.django, out);
  std::map<std::string, RedisInfo> redis;
  counters_.bus.redis.AddTo(redis, clock_.Steady());
  counters_.django.layer.redis.AddTo(redis, clock_.Steady());
  AddMetrics(redis, out);
  out.AddGauge("trace_bytes", "Bytes of the recorded stages of recent messages.",
               static_cast<double>(traces_->bytes()));
  AddMetrics(counters_.cache, out);
  AddMetrics(counters_.inbox, out);
  for (const auto& feature : features_) feature->AddMetrics(out);
  out.AddGauge("ready", "1 while /readyz returns 200, otherwise 0.",
               WhyNotReady(*store_, health_) == nullptr ? 1 : 0);
  std::vector<MetricFamilies::Value> expiry;
  if (tls_) expiry.push_back({{}, static_cast<double>(tls_->ExpiresAt())});
  out.AddGauges("tls_certificate_expiry_timestamp_seconds",
                "Time at which the certificate in use expires, in seconds since the Unix epoch.",
                expiry);
  AddProcessMetrics(started_, out);
  out.AddCounter("log_dropped_total",
                 "Log lines dropped because the log sink was blocked or full, or because of "
                 "log_lines_per_second.",
                 log::Dropped());
}

void Node::RegisterFeatures(ShardParts& parts) {
  Registry registry{parts.router, parts.commands};
  for (const auto& feature : features_) feature->Register(registry, parts.services);
  const bool open_metrics = !config_.production() || config_.admin.port.has_value();
  Router& admin = config_.admin.port ? parts.admin_router : parts.router;
  RegisterHealth(admin, *store_, parts.services.executor, health_, open_metrics);
  RegisterTrace(admin, parts.services, *traces_, name_, config_.admin.port.has_value());
  if (!config_.production()) {
    const bool self_made =
        config_.auth.algorithm.starts_with("HS") && config_.auth.secret_key.empty();
    RegisterDevelopment(parts.router, parts.services, site_, self_made ? key_.get() : nullptr);
  }
  RegisterApiDoc(admin, RoutersOf(parts), config_.limits);
}

std::vector<const Router*> Node::RoutersOf(const ShardParts& parts) {
  return {&parts.router, &parts.admin_router};
}

std::vector<const Router*> Node::routers() const { return RoutersOf(*parts_.front()); }

std::unique_ptr<Connection> Node::MakeConnection(Shard& shard, SocketFd socket, Peer peer,
                                                 bool admin) {
  ShardParts& parts = *parts_[shard.index()];
  auto http = std::make_unique<HttpProtocol>(admin ? parts.admin_http : parts.http);
  return std::make_unique<Connection>(shard, std::move(socket), std::move(peer), std::move(http),
                                      config_.websocket.outbox_bytes, admin ? nullptr : tls_.get());
}

void Node::Start() {
  status_->SetUrl(listener_->Url());
  for (const auto& shard : shards_) shard->Start();
  if (cluster_) cluster_->Start();
  if (django_) django_->Start();
  listener_->Start();
  if (admin_listener_) admin_listener_->Start();
}

std::vector<std::string> Node::Reload(const Config& fresh) {
  std::vector<std::string> errors;
  try {
    if (tls_ != nullptr) tls_->Reload(fresh.ssl.certfile, fresh.ssl.keyfile);
  } catch (const std::runtime_error& error) {
    errors.push_back(error.what());
  }
  const AuthConfig& auth = fresh.auth;
  if (auth.secret_key.empty() || auth.algorithm != config_.auth.algorithm) return errors;
  try {
    verifier_->ReplaceKey(Key::Secret(auth.algorithm, auth.secret_key));
  } catch (const std::runtime_error& error) {
    errors.push_back(error.what());
  }
  return errors;
}

bool Node::Drain() {
  const Monotonic deadline = clock_.Steady() + config_.timeout_graceful_shutdown;
  health_.draining = true;
  std::this_thread::sleep_for(config_.drain_delay);
  listener_->Stop();
  if (cluster_) cluster_->AnnounceShutdown();
  DisconnectClients();
  const bool all_gone = WaitForConnections(deadline);
  if (django_) django_->Stop();
  if (admin_listener_) admin_listener_->Stop();
  store_->Close();
  if (!all_gone)
    log::warn("drain deadline reached, connections closed connections={}",
              counters_.connections.value());
  return all_gone;
}

void Node::DisconnectClients() {
  // A single socket (Unix, inherited) accepts on the first shard and deals connections out to all: those dealt
  // before the listener stopped are disconnected too.
  std::promise<void> stopped;
  shards_.front()->Post([&stopped] { stopped.set_value(); });
  stopped.get_future().wait();
  const int64_t spread =
      std::max(kLeastReconnectSpread, counters_.connections.value() / kReconnectsPerMillisecond);
  for (const auto& shard : shards_) {
    shard->Post([&shard = *shard, spread] {
      std::minstd_rand random(std::random_device{}());
      std::uniform_int_distribution<int64_t> delay(0, spread);
      shard.ForEachConnection([&](Connection& connection) {
        connection.Shutdown(std::chrono::milliseconds(delay(random)));
      });
    });
  }
}

bool Node::WaitForConnections(Monotonic deadline) {
  while (counters_.connections.value() > 0) {
    if (clock_.Steady() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace parley
