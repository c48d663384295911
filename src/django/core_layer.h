// The layer of channels_redis.core.RedisChannelLayer: groups and inboxes are sorted sets.
//
// A send reads the members of the group on the group's host, then writes one message for each process
// to the hosts of their inboxes. The commands of a group keep their order, because each host has one
// pipeline for groups and one for inboxes. Threads: that of one io_context.
#pragma once
#include <span>

#include "django/channel_layer.h"
#include "django/core_inbox.h"
#include "django/group_set.h"
#include "django/redis_pipeline.h"

namespace parley::django {

class CoreLayer final : public ChannelLayer {
 public:
  CoreLayer(boost::asio::io_context& io, LayerOptions options, const Clock& clock,
            LayerCounters& counters);
  ~CoreLayer() override;

  void Start(LayerReceiver& receiver) override;
  void Stop(std::chrono::milliseconds limit, std::function<void()> done) override;
  void Join(std::string_view group) override;
  void Leave(std::string_view group) override;
  void Send(std::string_view group, size_t held, Write write) override;

 private:
  struct Host;
  struct Inbox;  // of another process, in one send

  RedisPipeline::Options PipelineOptions(Host& host, std::string name);

  // Runs the commands that are due, and sleeps until the next.
  boost::asio::awaitable<void> Keep();
  void RunDueActions();
  // Repeats a join that Redis has rejected.
  void OnAction(const GroupSet::Action& action, std::span<const RedisReply> replies);
  // A join has two replies, a leave one.
  std::string CommandsOf(const GroupSet::Action& action) const;
  void OnGroupsConnected(Host& host);
  void RenewOn(const Host& host);
  size_t HostOfGroup(std::string_view group) const;
  std::string MemberOf(std::string_view group) const;

  void Check(Host& host);
  void OnChecked(Host& host, Timestamp asked, std::span<const RedisReply> replies);
  void OnTime(Host& host, Timestamp asked, Timestamp answered, int64_t redis_micros);
  void OnWaiting(Host& host, int64_t messages);

  void OnBytes(std::string_view bytes);
  void Disown(const std::string& group);

  void Deliver(Write& write, const redisReply& members);
  void DeliverOn(Host& host, std::span<const Inbox* const> inboxes, const Value& message);
  void OnDelivered(size_t processes, const redisReply& full);
  // Counts a request that was refused.
  bool Refused(RedisPipeline::Submitted submitted);
  double NextScore();

  boost::asio::awaitable<void> Finish(Monotonic deadline, std::function<void()> done);

  boost::asio::io_context& io_;
  const LayerOptions options_;
  const Clock& clock_;
  LayerCounters& counters_;
  const MessageCodec codec_;
  const std::string own_channel_, own_inbox_;  // "parley.<node>!", and its key
  LayerReceiver* receiver_ = nullptr;
  GroupSet groups_;
  std::map<std::string, std::string, std::less<>> by_suffix_;  // groups with long names
  std::vector<std::unique_ptr<Host>> hosts_;
  boost::asio::steady_timer keeper_;
  Monotonic next_check_ = {};
  int64_t last_score_ = 0;         // microseconds
  Monotonic next_complaint_ = {};  // about full inboxes
  bool stopping_ = false;
};

}  // namespace parley::django
