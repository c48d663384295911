#include "django/django_bridge.h"

#include <boost/asio/post.hpp>

#include "django/json_text.h"
#include "django/to_django.h"
#include "redis/io_loop.h"

namespace parley::django {
namespace {

constexpr size_t kRememberedMessages = 10'000;
constexpr std::chrono::minutes kRemembered{10};
constexpr size_t kOutgoingCost = 128;  // of an event, besides its JSON

}  // namespace

DjangoBridge::DjangoBridge(Options options, const Clock& clock, LayerCounters& counters)
    : options_(std::move(options)),
      application_(options_.application_events),
      clock_(clock),
      counters_(counters),
      layer_(MakeChannelLayer(io_, options_.layer, clock, counters)),
      messages_(kRememberedMessages, kRemembered) {}

DjangoBridge::~DjangoBridge() { Stop(); }

void DjangoBridge::Start(DjangoReceiver& receiver) {
  receiver_ = &receiver;
  layer_->Start(*this);
  // Connections restart by themselves; a message is lost.
  thread_ = std::thread(
      [this] { RunThroughFailures(io_, counters_.failures, "channel layer failed, continuing"); });
}

void DjangoBridge::Stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] {
    TakeQueued();
    layer_->Stop(options_.stop_within, [] {});
  });
  thread_.join();
}

void DjangoBridge::Subscribe(const Uuid& conversation) {
  Add(Wish{ConversationGroup(conversation), {}, true});
}
void DjangoBridge::Unsubscribe(const Uuid& conversation) {
  Add(Wish{ConversationGroup(conversation), {}, false});
}
void DjangoBridge::SubscribeUser(const UserId& user) { Add(Wish{UserGroup(user), user, true}); }
void DjangoBridge::UnsubscribeUser(const UserId& user) { Add(Wish{UserGroup(user), user, false}); }

void DjangoBridge::Publish(const Uuid& conversation, SharedJson event) {
  Add(Outgoing{ConversationGroup(conversation), std::move(event)});
}
void DjangoBridge::PublishToUser(const UserId& user, SharedJson event) {
  Add(Outgoing{UserGroup(user), std::move(event)});
}

void DjangoBridge::Add(Wish wish) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    wishes_.push_back(std::move(wish));
    wake = !std::exchange(woken_, true);
  }
  if (wake) boost::asio::post(io_, [this] { TakeQueued(); });
}

void DjangoBridge::Add(Outgoing outgoing) {
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    const size_t cost = outgoing.event->size() + kOutgoingCost;
    if (outgoing_bytes_ + cost > kQueueBytes) return counters_.queue_full.Add();
    outgoing_bytes_ += cost;
    outgoing_.push_back(std::move(outgoing));
    wake = !std::exchange(woken_, true);
  }
  if (wake) boost::asio::post(io_, [this] { TakeQueued(); });
}

void DjangoBridge::TakeQueued() {
  std::vector<Wish> wishes;
  std::vector<Outgoing> outgoing;
  {
    const MutexLock lock(mutex_);
    wishes.swap(wishes_);
    outgoing.swap(outgoing_);
    outgoing_bytes_ = 0;
    woken_ = false;
  }
  for (Wish& wish : wishes) {
    if (wish.join) {
      layer_->Join(wish.group);
      if (!wish.user.empty()) users_[wish.group] = std::move(wish.user);
    } else {
      layer_->Leave(wish.group);
      users_.erase(wish.group);
    }
  }
  for (Outgoing& one : outgoing) {
    const size_t held = one.event->size() + kOutgoingCost;
    layer_->Send(one.group, held, [this, event = std::move(one.event)] { return Write(*event); });
  }
}

// nullopt: Django does not get the event.
std::optional<Value> DjangoBridge::Write(const std::string& json) const {
  const auto event = ParseJson(json);
  if (event) return ToDjango(*event, application_);
  counters_.too_large.Add();
  return std::nullopt;
}

void DjangoBridge::OnMessage(std::string_view group, Value message) {
  std::variant<DjangoEvent, Discarded> result = Discarded::kIgnored;
  if (const auto conversation = ConversationOfGroup(group)) {
    result = FromDjango(*conversation, message, application_, clock_.Now());
  } else if (const auto user = users_.find(group); user != users_.end()) {
    result = FromDjango(user->second, message, application_);
  } else {
    return counters_.unaddressed.Add();
  }
  if (const auto* const discarded = std::get_if<Discarded>(&result)) {
    return (*discarded == Discarded::kMalformed ? counters_.malformed : counters_.ignored).Add();
  }
  DjangoEvent& event = std::get<DjangoEvent>(result);
  if (event.kind == EventKind::kMessage && !messages_.Add(event.message_id, clock_.Steady())) {
    return counters_.duplicates.Add();
  }
  receiver_->OnDjangoEvent(std::move(event));
}

}  // namespace parley::django
