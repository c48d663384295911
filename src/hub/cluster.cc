#include "hub/cluster.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "protocol/events.h"
#include "protocol/json_reader.h"

namespace parley {
namespace {

constexpr auto kHelloEvery = std::chrono::seconds(5);
constexpr auto kReadEvery = std::chrono::seconds(2);
constexpr auto kHeadsEvery = std::chrono::seconds(10);  // while the bus is up
// In a taken-over store, so that changes of the other system arrive within 2 s.
constexpr auto kInboxEvery = std::chrono::milliseconds(400),
               kForeignEvery = std::chrono::milliseconds(800);
constexpr int kInboxConversations = 500;                  // per read
constexpr auto kAllUsersEvery = std::chrono::seconds(1);  // at most
constexpr size_t kUsersInAMessage = 1000;
constexpr size_t kPresenceAtOnce = 10'000;
constexpr size_t kStatusBytes = 4096, kStatuses = 1000;  // of the status of one node; nodes
constexpr size_t kConsumedInAMessage = 1000;
constexpr size_t kMostKeyBytes = 256;  // more than a user id or an address has
constexpr size_t kAccessRows = 256;    // per page; a row can name 500 users

// Nodes of version 0.1.0 do not send the audience.
Audience AudienceOf(const BusEvent& event, Removal removal) {
  if (event.audience <= static_cast<uint8_t>(Audience::kOneUser)) {
    return static_cast<Audience>(event.audience);
  }
  if (event.seq != 0 || removal == Removal::kEveryone) return Audience::kEveryone;
  return removal == Removal::kOneUser ? Audience::kOneUser : Audience::kSmallConversations;
}

}  // namespace

Cluster::Cluster(Executor& self, FollowedLogs& store, std::unique_ptr<Bus> bus,
                 BusCounters& counters, const Clock& clock, Options options)
    : self_(self),
      store_(store),
      bus_(std::move(bus)),
      counters_(counters),
      clock_(clock),
      options_(std::move(options)),
      neighbours_(options_.store,
                  [this](std::vector<UserId> users, bool shown) {
                    Hub::OnRemotePresence(hubs_, std::move(users), shown);
                  }),
      access_({.every = options_.taken_over ? Duration(kForeignEvery) : Duration(kReadEvery),
               .page_rows = kAccessRows},
              clock.Now()),
      heads_({.every = kReadEvery}, clock.Now()) {}

Cluster::~Cluster() { Stop(); }

void Cluster::Connect(std::span<const std::unique_ptr<Hub>> hubs) {
  for (const auto& hub : hubs) hubs_.push_back(hub.get());
}

void Cluster::Start() {
  if (bus_) bus_->Start(*this);
}

void Cluster::Stop() {
  if (bus_) bus_->Stop();
}

void Cluster::AnnounceShutdown() {
  self_.Post([this] {
    leaving_ = true;
    PublishToAll(BusShutdown{});
  });
}

// --- publishing

void Cluster::PublishToAll(const BusMessage& message) {
  if (up()) bus_->Publish(std::nullopt, EncodeBus(options_.node, message));
}

void Cluster::Follow(const Uuid& conversation) {
  if (bus_) bus_->Follow(conversation);
}

void Cluster::Leave(const Uuid& conversation) {
  if (bus_) bus_->Leave(conversation);
}

void Cluster::OnEvent(const EventRef& own, const MemberChange& members, uint64_t epoch) {
  if (!up()) return;
  const Event& event = *own;
  BusEvent out{
      .seq = event.seq,
      .about_seq = event.about_seq,
      .at = clock_.Now(),
      .removal = static_cast<uint8_t>(event.removal),
      .single_conversation = event.single_conversation,
      .except_user = event.removal == Removal::kOneUser ? RemovedUser(event) : event.except_user,
      .undelivered_from = event.undelivered_from,
      .json = event.json,
      .added = members.added,
      .removed = members.removed,
      .participant_count = members.participant_count,
      .epoch = epoch,
      .audience = static_cast<uint8_t>(event.audience)};
  bus_->Publish(event.conversation, EncodeBus(options_.node, out));
}

void Cluster::OnTyping(const TypingUpdate& update) {
  if (!up()) return;
  // Socket ids must differ between nodes. The last 8 bytes of a node's id are random.
  uint64_t node;
  std::memcpy(&node, options_.node.bytes.data() + 8, sizeof node);
  const uint64_t socket_id = update.socket_id ^ node;
  const BusTyping out{update.user, socket_id, update.as_service, update.is_typing};
  bus_->Publish(update.conversation, EncodeBus(options_.node, out));
}

void Cluster::PublishJoined(const std::vector<UserId>& users, const Joined& joined) {
  if (!up()) return;
  for (size_t at = 0; at < users.size(); at += kUsersInAMessage) {
    const auto first = users.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last =
        users.begin() + static_cast<std::ptrdiff_t>(std::min(at + kUsersInAMessage, users.size()));
    PublishToAll(BusJoined{joined.created->conversation, std::vector<UserId>(first, last),
                           joined.since, joined.created->json});
  }
}

void Cluster::PublishPresence(const UserId& user, bool online) {
  if (!bus_) return;  // without a bus, presence is local to the node
  self_.Post([this, user, online] {
    if (!(online ? shown_.Add(user) : shown_.Remove(user))) return;
    pending_presence_.emplace_back(user, online);
    if (pending_presence_.size() >= kPresenceAtOnce) PublishPendingPresence();
  });
}

void Cluster::PublishPendingPresence() {
  // One message per run of equal changes, in order.
  for (size_t at = 0; at < pending_presence_.size();) {
    BusPresence out{.online = pending_presence_[at].second};
    while (at < pending_presence_.size() && pending_presence_[at].second == out.online &&
           out.users.size() < kUsersInAMessage) {
      out.users.push_back(std::move(pending_presence_[at++].first));
    }
    PublishToAll(out);
  }
  pending_presence_.clear();
}

void Cluster::PublishAllUsers() {
  PublishToAll(BusPresenceReset{});
  BusPresence out{.online = true};
  for (const UserId& user : shown_.users()) {
    out.users.push_back(user);
    if (out.users.size() < kUsersInAMessage) continue;
    PublishToAll(out);
    out.users.clear();
  }
  if (!out.users.empty()) PublishToAll(out);
  PublishHello();
}

void Cluster::PublishConsumed() {
  std::vector<Consumption> consumed = options_.shared_limits->TakeConsumed();
  if (consumed.empty() || neighbours_.size() == 0) return;
  SharedLimitCounters& counters = options_.shared_limits->shared_counters();
  if (!up()) return counters.lost.Add(consumed.size());
  counters.sent.Add(consumed.size());
  BusConsumed out;
  for (Consumption& one : consumed) {
    out.entries.push_back({static_cast<uint8_t>(one.limit), std::move(one.key), one.tokens});
    if (out.entries.size() < kConsumedInAMessage) continue;
    PublishToAll(out);
    out.entries.clear();
  }
  if (!out.entries.empty()) PublishToAll(out);
}

void Cluster::PublishHello() {
  PublishToAll(BusHello{options_.store, shown_.users().size(), shown_.digest(),
                        neighbours_.settled(), options_.as_guide});
}

// --- receiving

void Cluster::OnDeliveries(std::vector<BusDelivery> deliveries) {
  std::vector<RemoteEvent> batch;
  for (const BusDelivery& delivery : deliveries) HandleDelivery(delivery, batch);
  if (!batch.empty()) Hub::IngestRemote(hubs_, std::move(batch));
}

void Cluster::HandleDelivery(const BusDelivery& delivery, std::vector<RemoteEvent>& batch) {
  auto read = DecodeBus(delivery.bytes);
  if (!read) return counters_.unreadable.Add();
  if (read->node == options_.node) return;
  if (!delivery.conversation) {
    auto work = [this, node = read->node, message = std::move(read->message)]() mutable {
      OnNode(node, message);
    };
    return self_.PostHolding(std::move(work), delivery.bytes.size());
  }
  if (auto* event = std::get_if<BusEvent>(&read->message)) {
    batch.push_back(EventFrom(*delivery.conversation, *event));
  } else if (auto* typing = std::get_if<BusTyping>(&read->message)) {
    // Preserves the order: earlier events are passed on first.
    if (!batch.empty()) Hub::IngestRemote(hubs_, std::exchange(batch, {}));
    Hub::OnRemoteTyping(hubs_, {*delivery.conversation, std::move(typing->user), typing->socket_id,
                                typing->as_service, typing->is_typing});
  }
}

RemoteEvent Cluster::EventFrom(const Uuid& conversation, BusEvent& event) {
  const Duration lag{std::max<int64_t>(0, clock_.Now().micros - event.at.micros)};
  if (event.seq != 0) counters_.lag.Observe(lag);
  const auto removal =
      static_cast<Removal>(std::min(event.removal, static_cast<uint8_t>(Removal::kEveryone)));
  Event like{.conversation = conversation,
             .seq = event.seq,
             .audience = AudienceOf(event, removal),
             .committed_at = clock_.Steady() - lag,
             .about_seq = event.about_seq,
             .removal = removal,
             .single_conversation = event.single_conversation,
             .undelivered_from = std::move(event.undelivered_from)};
  (like.audience == Audience::kOneUser ? like.user : like.except_user) =
      std::move(event.except_user);
  return {RemoteEventFrom(std::move(like), std::move(event.json)),
          {std::move(event.added), std::move(event.removed), event.participant_count},
          event.epoch};
}

void Cluster::OnFollowed(std::vector<Uuid> conversations) {
  // Events published after the last read of heads and before the subscription may have been missed.
  if (!conversations.empty()) self_.Post([this] { heads_.Request(clock_.Steady()); });
}

void Cluster::OnConnection(bool up) {
  self_.Post([this, up] {
    log::info("bus is {}", up ? "up" : "down");
    heads_.Request(clock_.Steady());
    if (!up) return;
    PublishToAll(BusLost{});
    next_hello_ = {};
  });
}

void Cluster::OnNode(const Uuid& node, BusMessage& message) {
  const bool is_new = neighbours_.OnMessage(node, clock_.Steady());
  if (is_new) next_hello_ = {};  // introduces this node to the new node
  if (const auto* hello = std::get_if<BusHello>(&message)) return OnHello(node, *hello);
  if (auto* status = std::get_if<BusStatus>(&message)) return OnStatus(node, *status);
  if (neighbours_.IsForeign(node)) return;
  if (auto* joined = std::get_if<BusJoined>(&message)) {
    // Ignores nodes that have not announced their store: the access log has the same change within
    // seconds.
    if (!neighbours_.IsOurs(node)) return;
    const Event like{.conversation = joined->conversation};
    Hub::OnRemoteJoined(hubs_, std::move(joined->users),
                        {RemoteEventFrom(like, std::move(joined->json)), joined->since});
  } else if (const auto* presence = std::get_if<BusPresence>(&message)) {
    neighbours_.OnPresence(node, presence->users, presence->online);
  } else if (std::holds_alternative<BusPresenceReset>(message)) {
    neighbours_.OnReset(node);
  } else if (const auto* ask = std::get_if<BusPresenceAsk>(&message)) {
    if (ask->of != options_.node || clock_.Steady() < next_all_) return;
    next_all_ = clock_.Steady() + kAllUsersEvery;
    PublishPendingPresence();
    PublishAllUsers();
  } else if (std::holds_alternative<BusShutdown>(message)) {
    neighbours_.OnShutdown(node, clock_.Steady());
  } else if (std::holds_alternative<BusLost>(message)) {
    heads_.Request(clock_.Steady());
  } else if (auto* consumed = std::get_if<BusConsumed>(&message)) {
    if (neighbours_.IsOurs(node)) OnConsumed(*consumed);
  }
}

void Cluster::OnConsumed(BusConsumed& consumed) {
  if (options_.shared_limits == nullptr) return;
  for (auto& [limit, key, tokens] : consumed.entries) {
    if (limit >= kLimitCount || key.size() > kMostKeyBytes) continue;  // of a later version
    options_.shared_limits->Charge({static_cast<Limit>(limit), std::move(key), tokens});
  }
}

void Cluster::OnHello(const Uuid& node, const BusHello& hello) {
  const bool was_foreign = neighbours_.IsForeign(node);
  if (neighbours_.OnHello(node,
                          {hello.store, hello.users_online, hello.users_digest, hello.settled})) {
    PublishToAll(BusPresenceAsk{node});
  }
  if (!neighbours_.IsForeign(node)) {
    if (hello.as_guide != options_.as_guide && !std::exchange(modes_differ_, true)) {
      log::warn("nodes differ in compat.guide node={} its_value={} this_node={}", node.ToString(),
                hello.as_guide ? "on" : "off", options_.as_guide ? "on" : "off");
    }
    return;
  }
  counters_.other_stores.Add();
  store_mismatch_ = neighbours_.Mismatch();
  if (was_foreign) return;
  log::error(
      "store mismatch: another node on this Redis uses another store node={} store={} this_node={}",
      node.ToString(), hello.store.ToString(), store_mismatch_ ? "yields" : "serves");
}

// The text becomes a part of this node's answers.
void Cluster::OnStatus(const Uuid& node, BusStatus& status) {
  if (status.json.size() > kStatusBytes || !JsonReader(4).ParseObject(status.json)) return;
  if (statuses_.size() >= kStatuses && !statuses_.contains(node)) return;
  statuses_[node] = std::move(status.json);
}

std::vector<Cluster::NodeReport> Cluster::Nodes() const {
  std::vector<NodeReport> nodes;
  const Monotonic now = clock_.Steady();
  for (const Neighbours::Seen& seen : neighbours_.All()) {
    const auto status = statuses_.find(seen.node);
    nodes.push_back({.node = seen.node,
                     .status = status == statuses_.end() ? "" : status->second,
                     .silent_for = std::chrono::duration_cast<Duration>(now - seen.heard),
                     .leaving = seen.leaving,
                     .foreign = seen.foreign});
  }
  return nodes;
}

void Cluster::ListNodes(Executor& on, Answer<std::vector<NodeReport>> done) {
  self_.Post([this, &on, done = std::move(done)]() mutable {
    on.Post([nodes = Nodes(), done = std::move(done)]() mutable { done(std::move(nodes)); });
  });
}

// --- periodic work

void Cluster::OnTick(Monotonic now) {
  if (bus_) {
    PublishPendingPresence();
    if (options_.shared_limits != nullptr) PublishConsumed();
    if (now >= next_hello_ && !leaving_) {
      next_hello_ = now + kHelloEvery;
      PublishHello();
      if (options_.status) PublishToAll(BusStatus{options_.status()});
    }
    neighbours_.OnTick(now, up());
    if (statuses_.size() > neighbours_.size()) {
      const auto all = neighbours_.All();
      std::erase_if(statuses_, [&](const auto& status) {
        return std::ranges::find(all, status.first, &Neighbours::Seen::node) == all.end();
      });
    }
    store_mismatch_ = neighbours_.Mismatch();
  }
  if (options_.shared_store) FollowStore(now);
}

// --- logs of the store

void Cluster::FollowStore(Monotonic now) {
  const Timestamp time = clock_.Now();
  if (auto query = access_.Begin(now, time)) ReadAccessLog(*std::move(query));
  heads_.SetInterval(up()                  ? Duration(kHeadsEvery)
                     : options_.taken_over ? Duration(kForeignEvery)
                                           : Duration(kReadEvery));
  if (auto query = heads_.Begin(now, time)) ReadHeads(*std::move(query));
  if (options_.taken_over && !reading_inbox_ && now >= next_inbox_) ReadInbox();
}

// Every node adopts: a conversation's row is locked meanwhile, and the nodes that come later find nothing left.
void Cluster::ReadInbox() {
  reading_inbox_ = true;
  store_.ListInbox(kInboxConversations, self_, [this](const Result<std::vector<Uuid>>& found) {
    reading_inbox_ = false;
    next_inbox_ = clock_.Steady() + kInboxEvery;
    if (!found) return log::warn("reading the inbox failed error={}", Name(found.error().code));
    // The other nodes then read the changed heads.
    Hub::Adopt(hubs_, *found, [this] { self_.Post([this] { PublishToAll(BusLost{}); }); });
  });
}

void Cluster::ReadAccessLog(LogQuery query) {
  store_.ListAccessChanges(std::move(query), self_, [this](const Result<AccessChanges>& read) {
    if (!read) {
      access_.OnFailure(clock_.Steady());
      return log::warn("reading access changes failed error={}", Name(read.error().code));
    }
    for (const AccessChange& change : read->changes) Hub::OnAccessChange(hubs_, change);
    if (auto next = access_.OnPage(read->page).next) ReadAccessLog(*std::move(next));
  });
}

void Cluster::ReadHeads(LogQuery query) {
  store_.ListChangedHeads(std::move(query), self_, [this](Result<ChangedHeads> read) {
    if (!read) {
      heads_.OnFailure(clock_.Steady());
      return log::warn("reading conversation heads failed error={}", Name(read.error().code));
    }
    if (!read->heads.empty()) Hub::OnChangedHeads(hubs_, std::move(read->heads));
    auto progress = heads_.OnPage(read->page);
    // Conversations followed before the position is known may have changed unnoticed.
    if (progress.restarted) Hub::RecheckHeads(hubs_);
    if (progress.next) ReadHeads(*std::move(progress.next));
  });
}

}  // namespace parley
