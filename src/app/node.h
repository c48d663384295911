// A node wires together everything that `parley serve` runs. It is the only class that uses all layers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/node_status.h"
#include "auth/key_refresher.h"
#include "auth/token_minter.h"
#include "auth/token_verifier.h"
#include "blob/blob_store.h"
#include "cache/key_set_cache.h"
#include "config/config.h"
#include "django/node_identity.h"
#include "feature/conversations/list_cache.h"
#include "feature/django/django_gateway.h"
#include "feature/feature.h"
#include "feature/health/health_api.h"
#include "feature/inbox_cache.h"
#include "http/held_counts.h"
#include "http/http_protocol.h"
#include "http/rate_limiter.h"
#include "http/site_policy.h"
#include "hub/cluster.h"
#include "hub/online_users.h"
#include "hub/trace_logs.h"
#include "net/acceptor.h"
#include "session/ws_transport.h"
#include "store/store.h"

namespace parley {

struct ShardParts;  // the objects that exist once per shard

// Counters of the whole node, which shards increment without locks.
struct NodeCounters {
  HubCounters hub;
  WsCounters ws;
  HttpCounters http;
  BusCounters bus;
  DjangoCounters django;
  CacheCounters cache;
  InboxCacheCounters inbox;
  Gauge connections;
};

class Node {
 public:
  // Opens the store and binds the port; throws std::runtime_error with one clear line.
  Node(const Config& config, const Clock& clock);
  ~Node();

  void Start();
  std::string Url() const { return listener_->Url(); }
  std::string AdminUrl() const { return admin_listener_ ? admin_listener_->Url() : ""; }
  Store& store() { return *store_; }
  // The routers of the main port and the admin port.
  std::vector<const Router*> routers() const;

  // Shuts down: fails readiness, keeps accepting for drain_delay, sends clients a reconnect delay,
  // completes commits and acks, and closes everything. Returns true if that finished within
  // timeout_graceful_shutdown.
  bool Drain();

  // Applies the settings that can change at run time: the secret key, and the certificate with its
  // key. An invalid setting keeps its previous value. Returns the errors, one line each. Threads: one.
  std::vector<std::string> Reload(const Config& fresh);

 private:
  RateLimiter* SharedLimits();  // null if this node does not share its rate limits
  std::unique_ptr<KeySetCache> MakeKeySetCache();
  void MakeDjangoGateway();
  void MakeFeatures(bool shared_store);
  void RegisterFeatures(ShardParts& parts);
  void AddAllMetrics(MetricFamilies& out) const;
  static std::vector<const Router*> RoutersOf(const ShardParts& parts);
  std::unique_ptr<Connection> MakeConnection(Shard& shard, SocketFd socket, Peer peer, bool admin);
  void DisconnectClients();
  bool WaitForConnections(Monotonic deadline);

  const Config config_;
  const Clock& clock_;
  const Timestamp started_;
  NodeCounters counters_;
  NodeHealth health_;
  std::unique_ptr<TlsContext> tls_;  // null: no TLS
  std::unique_ptr<Store> store_;
  std::unique_ptr<BlobStore> blobs_;
  std::shared_ptr<const Key> key_;  // signs development tokens; null: keys come from files or URLs
  // All null: no cache.
  std::unique_ptr<RedisCache> cache_;
  std::unique_ptr<KeySetCache> key_sets_;
  std::unique_ptr<ListCache> lists_;
  Revocations revocations_;
  std::vector<std::unique_ptr<Feature>> features_;
  std::unique_ptr<KeyRefresher> key_refresher_;
  std::unique_ptr<TokenVerifier> verifier_;
  SitePolicy site_, admin_site_;
  CorsPolicy cors_, admin_cors_;
  FileLinks links_;
  ApiPrefixes prefixes_;
  NoUpgrades no_upgrades_;  // for the admin port
  RateLimiter rate_limiter_;
  HeldCounts sockets_;
  OnlineUsers online_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<NodeStatus> status_;
  std::unique_ptr<Cluster> cluster_;  // null: a single node
  std::unique_ptr<TraceLogs> traces_;
  const std::string name_;  // in traces; unique per process
  std::unique_ptr<django::NodeIdentity> django_identity_;
  std::unique_ptr<DjangoGateway> django_;  // null: no channel layer
  std::vector<std::unique_ptr<ShardParts>> parts_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::unique_ptr<Listener> listener_, admin_listener_;
};

}  // namespace parley
