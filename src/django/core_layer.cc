#include "django/core_layer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

#include "base/log.h"
#include "django/float_text.h"
#include "redis/io_loop.h"

namespace parley::django {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
constexpr seconds kCheckEvery = RedisInfoTable::kAskEvery;
constexpr seconds kLongestRenewal{600};
constexpr milliseconds kRetryAfter{10};
constexpr seconds kRetryDisconnected{60};     // on a connect, all groups are due at once
constexpr seconds kRetryRejected{10};         // by Redis, such as while its memory is full
constexpr size_t kMostQueuedJoins = 1 << 20;  // bytes: sends must fit behind them
// Of a group, less one; RedisConnection refuses arrays that are much longer.
constexpr std::string_view kMostMembers = "49999";
constexpr int64_t kSkewToReport = kMicrosPerSecond;

// For each key: adds the message unless the key holds as many as its capacity. Arguments: the messages,
// the capacities, the time, the expiry. Returns the number of keys that are full.
constexpr std::string_view kDeliver = R"(local count, full = #KEYS, 0
for i = 1, count do
  if redis.call('ZCOUNT', KEYS[i], '-inf', '+inf') < tonumber(ARGV[count + i]) then
    redis.call('ZADD', KEYS[i], ARGV[2 * count + 1], ARGV[i])
    redis.call('EXPIRE', KEYS[i], ARGV[2 * count + 2])
  else
    full = full + 1
  end
end
return full)";

std::string SecondsText(std::chrono::seconds time) { return std::to_string(time.count()); }

GroupSet::Options RenewalOf(const LayerOptions& options) {
  return {.renew_every = std::min<Duration>(options.group_expiry / 4, kLongestRenewal)};
}

}  // namespace

struct CoreLayer::Host {
  Host(boost::asio::io_context& io, const RedisAddress& address, CoreLayer& layer)
      : groups(io, address, layer.PipelineOptions(*this, "channel layer groups")),
        inboxes(io, address, layer.PipelineOptions(*this, "channel layer messages")),
        inbox(
            io, address, layer.own_inbox_, layer.counters_,
            [&layer](std::string_view bytes) { layer.OnBytes(bytes); },
            [&layer] { return layer.receiver_->Congested(); }) {}

  RedisPipeline groups, inboxes;
  CoreInbox inbox;
  bool was_up = false;
  int64_t skew = 0;     // microseconds that its clock is ahead
  int64_t waiting = 0;  // messages in the inbox
  bool skew_reported = false, inbox_reported = false;
};

struct CoreLayer::Inbox {
  std::string channel;  // non-local
  std::vector<Value> names;
  int capacity = 0;
};

CoreLayer::CoreLayer(boost::asio::io_context& io, LayerOptions options, const Clock& clock,
                     LayerCounters& counters)
    : io_(io),
      options_(std::move(options)),
      clock_(clock),
      counters_(counters),
      codec_({.serializer = options_.serializer,
              .random_prefix = options_.random_prefix_length,
              .keys = options_.encryption_keys,
              .ttl = options_.expiry + seconds(10)}),
      own_channel_(NodeChannel(options_.node)),
      own_inbox_(InboxKey(options_.prefix, own_channel_)),
      groups_(RenewalOf(options_)),
      keeper_(io) {
  for (const RedisAddress& address : options_.hosts) {
    hosts_.push_back(std::make_unique<Host>(io_, address, *this));
  }
}

CoreLayer::~CoreLayer() = default;

RedisPipeline::Options CoreLayer::PipelineOptions(Host& host, std::string name) {
  const bool of_groups = name.ends_with("groups");
  return {.name = std::move(name),
          .queued_bytes = &counters_.queued_bytes,
          .failures = &counters_.failures,
          .on_connection = [this, &host, of_groups](bool up) {
            if (!of_groups) return;
            up ? OnGroupsConnected(host) : counters_.redis.Remove(host.groups.server());
          }};
}

void CoreLayer::Start(LayerReceiver& receiver) {
  receiver_ = &receiver;
  for (const auto& host : hosts_) {
    boost::asio::co_spawn(io_, host->groups.Run(), boost::asio::detached);
    boost::asio::co_spawn(io_, host->inboxes.Run(), boost::asio::detached);
    boost::asio::co_spawn(io_, host->inbox.Run(), boost::asio::detached);
  }
  boost::asio::co_spawn(io_, Keep(), boost::asio::detached);
}

// --- membership

size_t CoreLayer::HostOfGroup(std::string_view group) const { return HostOf(group, hosts_.size()); }

std::string CoreLayer::MemberOf(std::string_view group) const {
  return own_channel_ + GroupSuffix(group);
}

void CoreLayer::Join(std::string_view group) {
  if (const std::string suffix = GroupSuffix(group); suffix != group) by_suffix_[suffix] = group;
  groups_.Join(group, clock_.Steady());
  keeper_.cancel();
}

void CoreLayer::Leave(std::string_view group) { groups_.Leave(group, clock_.Steady()); }

// A failover or a flush may have lost the memberships.
void CoreLayer::OnGroupsConnected(Host& host) {
  if (std::exchange(host.was_up, true)) counters_.reconnects.Add();
  RenewOn(host);
  next_check_ = {};
  keeper_.cancel();
}

void CoreLayer::RenewOn(const Host& host) {
  groups_.Renew(clock_.Steady(), [&](const std::string& group) {
    return hosts_[HostOfGroup(group)].get() == &host;
  });
}

boost::asio::awaitable<void> CoreLayer::Keep() {
  while (!stopping_) {
    const Monotonic now = clock_.Steady();
    RunDueActions();
    if (now >= next_check_) {
      next_check_ = now + kCheckEvery;
      for (const auto& host : hosts_) Check(*host);
    }
    counters_.groups = static_cast<int64_t>(groups_.size());
    const Monotonic next = std::min(groups_.next_due().value_or(next_check_), next_check_);
    co_await Sleep(keeper_, std::max<Duration>(std::chrono::duration_cast<Duration>(next - now),
                                               milliseconds(10)));
  }
}

void CoreLayer::RunDueActions() {
  const Monotonic now = clock_.Steady();
  while (const auto action = groups_.Next(now)) {
    RedisPipeline& pipeline = hosts_[HostOfGroup(action->group)]->groups;
    auto submitted = RedisPipeline::Submitted::kFull;
    if (pipeline.bytes() < kMostQueuedJoins) {
      submitted = pipeline.Submit(CommandsOf(*action), action->join ? 2 : 1,
                                  [this, action = *action](std::span<const RedisReply> replies) {
                                    OnAction(action, replies);
                                  });
    }
    if (submitted == RedisPipeline::Submitted::kQueued) {
      if (!action->join) by_suffix_.erase(GroupSuffix(action->group));
      continue;
    }
    const bool full = submitted == RedisPipeline::Submitted::kFull;
    groups_.PutOff(*action, now + (full ? Duration(kRetryAfter) : Duration(kRetryDisconnected)));
    if (full) return;  // until the next round
  }
}

void CoreLayer::OnAction(const GroupSet::Action& action, std::span<const RedisReply> replies) {
  if (replies.empty() || replies[0]->type != REDIS_REPLY_ERROR) return;
  if (!action.join || !groups_.Contains(action.group)) return;
  groups_.PutOff(action, clock_.Steady() + kRetryRejected);
  keeper_.cancel();
}

std::string CoreLayer::CommandsOf(const GroupSet::Action& action) const {
  const std::string key = GroupKey(options_.prefix, action.group), member = MemberOf(action.group);
  if (!action.join) return RedisCommand({"ZREM", key, member});
  const std::string score = FloatText(static_cast<double>(clock_.Now().micros) / kMicrosPerSecond);
  return RedisCommand({"ZADD", key, score, member}) +
         RedisCommand({"EXPIRE", key, SecondsText(options_.group_expiry)});
}

// Renews one membership, to find out whether Redis still has the others; compares the clocks; checks
// that the server is still a master; reads its figures.
void CoreLayer::Check(Host& host) {
  std::string commands =
      RedisCommand({"TIME"}) + RedisCommand({"ZCARD", own_inbox_}) + RedisCommand({"INFO"});
  size_t replies = 3;
  const auto probe = groups_.AnyJoined(
      [&](const std::string& group) { return hosts_[HostOfGroup(group)].get() == &host; });
  if (probe) {
    commands += CommandsOf({.join = true, .group = *probe});
    replies += 2;
  }
  const Timestamp asked = clock_.Now();
  host.groups.Submit(std::move(commands), replies,
                     [this, &host, asked](std::span<const RedisReply> answers) {
                       if (!answers.empty()) OnChecked(host, asked, answers);
                     });
}

void CoreLayer::OnChecked(Host& host, Timestamp asked, std::span<const RedisReply> replies) {
  const Timestamp now = clock_.Now();
  const redisReply &time = *replies[0], &waiting = *replies[1], &info = *replies[2];
  if (time.type == REDIS_REPLY_ARRAY && time.elements == 2) {
    OnTime(host, asked, now,
           std::strtoll(time.element[0]->str, nullptr, 10) * kMicrosPerSecond +
               std::strtoll(time.element[1]->str, nullptr, 10));
  }
  if (waiting.type == REDIS_REPLY_INTEGER) OnWaiting(host, waiting.integer);
  if (info.type == REDIS_REPLY_STRING) {
    counters_.redis.Set(host.groups.server(), ParseRedisInfo(TextOf(info)), clock_.Steady());
  }
  if (info.type == REDIS_REPLY_STRING &&
      TextOf(info).find("\nrole:slave") != std::string_view::npos) {
    log::warn("channel layer: a host has become a replica, reconnecting");
    host.groups.Reconnect();
    host.inboxes.Reconnect();
    host.inbox.Reconnect();
  }
  if (replies.size() > 3 && replies[3]->type == REDIS_REPLY_INTEGER && replies[3]->integer == 1) {
    // The membership was new: Redis had lost it.
    log::warn("channel layer: Redis has lost this node's groups, joining them again");
    RenewOn(host);
    keeper_.cancel();
  }
}

void CoreLayer::OnTime(Host& host, Timestamp asked, Timestamp answered, int64_t redis_micros) {
  if (answered.micros - asked.micros > kMicrosPerSecond) return;  // too imprecise
  host.skew = redis_micros - (asked.micros + answered.micros) / 2;
  int64_t worst = 0;
  for (const auto& each : hosts_) {
    if (std::abs(each->skew) > std::abs(worst)) worst = each->skew;
  }
  counters_.skew_micros = worst;
  const bool report = std::abs(host.skew) > kSkewToReport;
  if (report && !host.skew_reported) {
    log::warn("channel layer: the clock of Redis differs seconds={:.3f}",
              static_cast<double>(host.skew) / kMicrosPerSecond);
  }
  host.skew_reported = report;
}

void CoreLayer::OnWaiting(Host& host, int64_t messages) {
  host.waiting = messages;
  int64_t most = 0;
  for (const auto& each : hosts_) most = std::max(most, each->waiting);
  counters_.inbox_messages = most;
  const bool report = 2 * messages > options_.capacities.Of(own_channel_);
  if (report && !host.inbox_reported) {
    log::warn("channel layer: the inbox is more than half full messages={}", messages);
  }
  host.inbox_reported = report;
}

// --- receiving

void CoreLayer::OnBytes(std::string_view bytes) {
  counters_.received.Add();
  std::optional<Value> message = codec_.Decode(bytes, clock_.Now());
  if (!message) return counters_.malformed.Add();
  std::vector<std::string> groups;
  for (const std::string& channel : TakeChannels(*message)) {
    if (!channel.starts_with(own_channel_)) continue;
    std::string suffix = channel.substr(own_channel_.size());
    if (const auto found = by_suffix_.find(suffix); found != by_suffix_.end())
      suffix = found->second;
    if (groups_.Contains(suffix)) {
      groups.push_back(std::move(suffix));
    } else {
      Disown(suffix);
    }
  }
  if (groups.empty()) return counters_.unaddressed.Add();
  for (size_t i = 0; i + 1 < groups.size(); ++i) receiver_->OnMessage(groups[i], *message);
  receiver_->OnMessage(groups.back(), std::move(*message));
}

// A membership that this node's earlier process left behind.
void CoreLayer::Disown(const std::string& group) {
  if (!IsGroupName(group) || GroupSuffix(group) != group) return;
  hosts_[HostOfGroup(group)]->groups.Submit(CommandsOf({.join = false, .group = group}), 1,
                                            [](std::span<const RedisReply>) {});
}

// --- sending

bool CoreLayer::Refused(RedisPipeline::Submitted submitted) {
  if (submitted == RedisPipeline::Submitted::kQueued) return false;
  (submitted == RedisPipeline::Submitted::kFull ? counters_.queue_full : counters_.disconnected)
      .Add();
  return true;
}

void CoreLayer::Send(std::string_view group, size_t held, Write write) {
  const std::string key = GroupKey(options_.prefix, group);
  const int64_t oldest = clock_.Now().micros / kMicrosPerSecond - options_.group_expiry.count();
  std::string commands = RedisCommand({"ZREMRANGEBYSCORE", key, "0", std::to_string(oldest)}) +
                         RedisCommand({"ZRANGE", key, "0", kMostMembers});
  auto deliver = [this, write = std::move(write)](std::span<const RedisReply> replies) mutable {
    if (replies.empty()) return counters_.disconnected.Add();
    if (replies[1]->type == REDIS_REPLY_ARRAY) Deliver(write, *replies[1]);
  };
  Refused(
      hosts_[HostOfGroup(group)]->groups.Submit(std::move(commands), 2, std::move(deliver), held));
}

// `members`: full channel names, in the order in which they joined.
void CoreLayer::Deliver(Write& write, const redisReply& members) {
  std::vector<Inbox> inboxes;
  std::map<std::string_view, size_t> known;
  for (const redisReply* const member : std::span(members.element, members.elements)) {
    if (member->type != REDIS_REPLY_STRING) continue;
    const std::string_view channel = TextOf(*member);
    // Parley's nodes have their own bus.
    if (channel.starts_with(kNodeChannels) || !IsChannelName(channel)) continue;
    const auto [found, added] = known.try_emplace(NonLocal(channel), inboxes.size());
    if (added) {
      inboxes.push_back(
          {.channel = std::string(NonLocal(channel)), .capacity = options_.capacities.Of(channel)});
    }
    inboxes[found->second].names.push_back(Value::String(std::string(channel)));
  }
  if (inboxes.empty()) return;
  const std::optional<Value> message = write();
  if (!message) return;
  std::vector<std::vector<const Inbox*>> by_host(hosts_.size());
  for (const Inbox& inbox : inboxes)
    by_host[HostOf(inbox.channel, hosts_.size())].push_back(&inbox);
  for (size_t host = 0; host < hosts_.size(); ++host) {
    if (!by_host[host].empty()) DeliverOn(*hosts_[host], by_host[host], *message);
  }
}

void CoreLayer::DeliverOn(Host& host, std::span<const Inbox* const> inboxes, const Value& message) {
  // Messages of a clock that is far behind would be deleted as expired; those of one that is far ahead
  // would outlive their time.
  if (2 * std::abs(host.skew) > options_.expiry.count() * kMicrosPerSecond)
    return counters_.clock_skew.Add();
  const Timestamp now = clock_.Now();
  const std::string oldest =
      std::to_string(now.micros / kMicrosPerSecond - options_.expiry.count());
  std::vector<std::string> keys, messages, capacities;
  std::string commands = RedisCommand({"MULTI"});
  Value named = message;
  for (const Inbox* const inbox : inboxes) {
    keys.push_back(InboxKey(options_.prefix, inbox->channel));
    commands += RedisCommand({"ZREMRANGEBYSCORE", keys.back(), "0", oldest});
    named.Set(kChannelField, Value::Array(inbox->names));
    messages.push_back(codec_.Encode(named, now));
    capacities.push_back(std::to_string(inbox->capacity));
  }
  commands += RedisCommand({"EXEC"});

  const std::string count = std::to_string(keys.size()), score = FloatText(NextScore()),
                    expiry = SecondsText(options_.expiry);
  std::vector<std::string_view> eval{"EVAL", kDeliver, count};
  for (const auto* const part : {&keys, &messages, &capacities}) {
    eval.insert(eval.end(), part->begin(), part->end());
  }
  eval.insert(eval.end(), {score, expiry});
  commands += RedisCommand(eval);

  const size_t processes = keys.size();
  const size_t replies = processes + 3;  // MULTI, one "QUEUED" each, EXEC, EVAL
  Refused(host.inboxes.Submit(
      std::move(commands), replies, [this, processes](std::span<const RedisReply> answers) {
        answers.empty() ? counters_.disconnected.Add() : OnDelivered(processes, *answers.back());
      }));
}

// `full`: the reply of kDeliver.
void CoreLayer::OnDelivered(size_t processes, const redisReply& full) {
  if (full.type != REDIS_REPLY_INTEGER) return;
  counters_.sent.Add(processes - std::min(processes, static_cast<size_t>(full.integer)));
  if (full.integer == 0) return;
  counters_.over_capacity.Add(static_cast<uint64_t>(full.integer));
  const Monotonic now = clock_.Steady();
  if (now < next_complaint_) return;
  next_complaint_ = now + std::chrono::minutes(1);
  log::warn("channel layer over capacity, message dropped processes={}", full.integer);
}

// Scores order messages, and doubles of this size differ by 0.24 us: distinct for each microsecond.
double CoreLayer::NextScore() {
  last_score_ = std::max(clock_.Now().micros, last_score_ + 1);
  return static_cast<double>(last_score_) / kMicrosPerSecond;
}

// --- stopping

void CoreLayer::Stop(milliseconds limit, std::function<void()> done) {
  stopping_ = true;
  keeper_.cancel();
  for (const auto& host : hosts_) host->inbox.Stop();
  for (const std::string& group : groups_.Joined()) {
    hosts_[HostOfGroup(group)]->groups.Submit(CommandsOf({.join = false, .group = group}), 1,
                                              [](std::span<const RedisReply>) {});
  }
  for (const auto& host : hosts_) {
    host->groups.Submit(RedisCommand({"DEL", own_inbox_}), 1, [](std::span<const RedisReply>) {});
  }
  boost::asio::co_spawn(io_, Finish(clock_.Steady() + limit, std::move(done)),
                        boost::asio::detached);
}

boost::asio::awaitable<void> CoreLayer::Finish(Monotonic deadline, std::function<void()> done) {
  const auto busy = [](const std::unique_ptr<Host>& host) {
    return host->groups.connected() && !(host->groups.idle() && host->inboxes.idle());
  };
  co_await PollWhile(
      io_, [&] { return std::ranges::any_of(hosts_, busy) && clock_.Steady() < deadline; });
  for (const auto& host : hosts_) {
    host->groups.Stop();
    host->inboxes.Stop();
  }
  done();
}

}  // namespace parley::django
