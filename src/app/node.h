// A node: everything that `parley serve` runs, put together. The one place that sees all layers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/attachment_keeper.h"
#include "app/config.h"
#include "app/revocation_reader.h"
#include "auth/key_refresher.h"
#include "auth/token_minter.h"
#include "auth/token_verifier.h"
#include "blob/blob_store.h"
#include "feature/attachments/upload.h"
#include "feature/health/health_api.h"
#include "http/held_counts.h"
#include "http/rate_limiter.h"
#include "http/site_policy.h"
#include "hub/cluster.h"
#include "hub/online_users.h"
#include "net/acceptor.h"
#include "store/store.h"

namespace parley {

struct ShardParts;  // what exists once for each shard

class Node {
 public:
  // Opens the store and binds the port; throws std::runtime_error with one clear line.
  Node(const Config& config, const Clock& clock);
  ~Node();

  void Start();
  std::string Url() const { return listener_->Url(); }
  std::string AdminUrl() const { return admin_listener_ ? admin_listener_->Url() : ""; }
  Store& store() { return *store_; }
  // What the port and the admin port serve.
  std::vector<const Router*> routers() const;

  // P10: readiness fails, accepting goes on for drain_delay, clients are told to come again,
  // commits and acks finish, and all is closed. True when it was done inside
  // timeout_graceful_shutdown.
  bool Drain();

  // Takes over what can change while it runs: the secret key, and the certificate with its key. What
  // cannot be used keeps the old one. Answers with what was wrong, one line each. One thread.
  std::vector<std::string> Reload(const Config& fresh);

 private:
  void RegisterFeatures(ShardParts& parts);
  static std::vector<const Router*> RoutersOf(const ShardParts& parts);
  std::unique_ptr<Connection> MakeConnection(Shard& shard, StreamSocket socket, Peer peer,
                                             bool admin);
  void TellClientsToReconnect();
  bool WaitForConnections(Monotonic deadline);

  const Config config_;
  const Clock& clock_;
  NodeHealth health_;
  std::unique_ptr<TlsContext> tls_;  // none: plain text
  std::unique_ptr<Store> store_;
  std::unique_ptr<BlobStore> blobs_;
  UploadSlots upload_slots_;
  std::shared_ptr<const Key> key_;  // development mints with it; none: keys come from elsewhere
  Revocations revocations_;
  std::unique_ptr<RevocationReader> revocation_reader_;
  std::unique_ptr<AttachmentKeeper> attachment_keeper_;
  std::unique_ptr<KeyRefresher> key_refresher_;
  std::unique_ptr<TokenVerifier> verifier_;
  SitePolicy site_, admin_site_;
  CorsPolicy cors_, admin_cors_;
  FileLinks links_;
  ApiPrefixes prefixes_;
  NoUpgrades no_upgrades_;  // of the admin port
  RateLimiter rate_limiter_;
  HeldCounts sockets_;
  OnlineUsers online_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Cluster> cluster_;  // none: this node is alone
  std::vector<std::unique_ptr<ShardParts>> parts_;
  std::vector<std::unique_ptr<Hub>> hubs_;
  std::unique_ptr<Listener> listener_, admin_listener_;
};

}  // namespace parley
