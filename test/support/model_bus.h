// A bus between the nodes of a model, which can delay, reorder and lose events. Single-threaded.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "hub/hub.h"
#include "test/support/seeded_random.h"

namespace parley::test {

struct BusFaults {
  size_t lost_one_in = 0;  // 0: loses no event
  bool reordered = false;
};

class ModelBus;

// The publisher of one node.
class ModelPublisher final : public EventTap, public FollowSink, public NodePublisher {
 public:
  explicit ModelPublisher(ModelBus& air) : bus_(air) {}
  void Follow(const Uuid& conversation) override { requests.emplace_back(conversation, true); }
  void Leave(const Uuid& conversation) override { requests.emplace_back(conversation, false); }
  void OnEvent(const EventRef& event, const MemberChange& members, uint64_t epoch) override;
  void OnTyping(const TypingUpdate&) override {}
  void PublishJoined(const std::vector<UserId>&, const Joined&) override {}
  void PublishPresence(const UserId&, bool) override {}

  std::function<void()> on_loss;  // events may have been missed: see Cluster::OnFollowed
  std::vector<Hub*> hubs;
  std::deque<std::pair<Uuid, bool>> requests;  // pending requests to follow (true) or leave
  std::set<Uuid> followed;
  std::deque<RemoteEvent> inbox;

 private:
  ModelBus& bus_;
};

class ModelBus {
 public:
  ModelBus(SeededRandom& random, BusFaults faults) : random_(random), faults_(faults) {}

  ModelPublisher& AddNode() {
    return *nodes_.emplace_back(std::make_unique<ModelPublisher>(*this));
  }
  void Publish(const ModelPublisher& from, const RemoteEvent& event) {
    for (const auto& node : nodes_) {
      if (node.get() == &from || !node->followed.contains(event.event->conversation)) continue;
      if (faults_.lost_one_in != 0 && random_.OneIn(faults_.lost_one_in)) {
        ++lost;
        continue;
      }
      node->inbox.push_back(event);
    }
  }
  // Processes one pending request or event; returns false if there is none.
  bool Step() {
    bool any = false;
    for (const auto& node : nodes_) any |= StepNode(*node);
    return any;
  }
  // Reconnects a random node: it follows its conversations again.
  void Reconnect() {
    ModelPublisher& node = *nodes_[random_.Below(nodes_.size())];
    node.inbox.clear();
    for (const Uuid& conversation : node.followed) node.requests.emplace_back(conversation, true);
    node.followed.clear();
    node.on_loss();
  }
  // Drops all events in flight.
  void Clear() {
    for (const auto& node : nodes_) node->inbox.clear();
  }
  void OnAccessChange(const AccessChange& change) {
    for (const auto& node : nodes_) Hub::OnAccessChange(node->hubs, change);
  }
  size_t lost = 0;

 private:
  bool StepNode(ModelPublisher& node) {
    if (!node.requests.empty() && (node.inbox.empty() || random_.OneIn(2))) {
      const auto [conversation, follow] = node.requests.front();
      node.requests.pop_front();
      if (follow) {
        node.followed.insert(conversation);
        node.on_loss();
      } else {
        node.followed.erase(conversation);
      }
      return true;
    }
    if (node.inbox.empty()) return false;
    const size_t at = faults_.reordered ? random_.Below(node.inbox.size()) : 0;
    RemoteEvent event = node.inbox[at];
    node.inbox.erase(node.inbox.begin() + static_cast<std::ptrdiff_t>(at));
    Hub::IngestRemote(node.hubs, {std::move(event)});
    return true;
  }

  SeededRandom& random_;
  const BusFaults faults_;
  std::vector<std::unique_ptr<ModelPublisher>> nodes_;
};

inline void ModelPublisher::OnEvent(const EventRef& event, const MemberChange& members,
                                    uint64_t epoch) {
  bus_.Publish(*this, {event, members, epoch});
}

}  // namespace parley::test
