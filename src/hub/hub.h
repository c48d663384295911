// The hub: everything between a session and the conversations it listens to. One on each shard; its
// calls run on that shard's thread and answer there, wherever the conversation's home is.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "hub/home.h"
#include "hub/subscription_table.h"
#include "store/store.h"

namespace parley {

// A socket that follows all conversations of a user.
class UserSink {
 public:
  virtual ~UserSink() = default;
  // The user is in a conversation that was made just now (or has been added to it).
  virtual void OnJoined(const Uuid& conversation, const EventRef& created) = 0;
};

class Hub final : private HomeOutlet {
 public:
  Hub(Executor& self, unsigned shard, Store& store, HubCounters& counters, HomeOptions options);

  // Introduces the hubs of all shards to each other, by shard number; before any of them runs.
  static void Connect(std::span<const std::unique_ptr<Hub>> hubs);

  // --- listening

  // Called with the feed if it is still there when the answer comes.
  using Admitted = UniqueFunction<void(Feed& feed, Result<Admission>)>;
  // Puts a held feed among the listeners; once admitted, the caller starts it (Feed::Go or Resume).
  // `trusted`: the store has just said that the user is in it. Errors: as Home::Admit.
  void Subscribe(Feed& feed, const UserId& user, bool trusted, Admitted done);
  void Unsubscribe(Feed& feed);
  // Feed's way to a page: comes back through Feed::OnPage or OnPageFailed.
  void Fetch(Feed& feed);

  void AddUser(const UserId& user, UserSink& sink);
  void RemoveUser(const UserId& user, UserSink& sink);

  // --- doing

  // Errors: as Store::InsertMessage.
  void Send(NewMessage message, Resolve<Result<StoredMessage>> done);
  // To the conversation's listeners on every shard, unless it is too large for such events.
  void Relay(EventRef event);
  // Tells the users' sockets, on every shard, that they are in a new conversation.
  void Announce(std::vector<UserId> users, EventRef created);
  // Errors: not_found, store_unavailable. No membership asked.
  void Read(const Uuid& conversation, int64_t since, Resolve<Result<PageRef>> done);

  HubCounters& counters() { return counters_; }
  size_t feed_count() const { return table_.feed_count(); }

 private:
  void Deliver(unsigned shard, std::vector<EventRef> events) override;
  void OnEvents(std::span<const EventRef> events);
  void MeasureDelivery(std::span<const EventRef> events);
  void OnAnnounced(std::span<const UserId> users, const EventRef& created);
  // Runs `work(home)` on the home shard: now if that is here, else by post.
  template <class Work>
  void AtHome(const Uuid& conversation, Work work);
  // Wraps an answer so that it is given on this shard, behind the events that left home before it.
  template <class T>
  Resolve<T> Here(Resolve<T> done);

  Executor& self_;
  const unsigned shard_;
  HubCounters& counters_;
  const Clock* const clock_;
  Home home_;
  SubscriptionTable table_;
  std::unordered_multimap<UserId, UserSink*> users_;
  std::vector<Hub*> hubs_;
};

}  // namespace parley
