// Names on a channel layer: groups, channels, and the Redis keys that channels_redis uses for them.
// Pure functions. Threads: any.
//
// A node has one inbox, like a Django process. Its channel in a group is named after the group, since a
// message does not name the group that it was sent to:
//
//   group    conversation_123e4567-e89b-12d3-a456-426614174000
//   channel  parley.<node: 32 hexadecimal digits>!conversation_123e4567-e89b-12d3-a456-426614174000
//   inbox    <prefix>parley.<node>!
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace parley::django {

// The type of the channels of Parley's nodes, for `channel_capacity` on Django's side: `parley.*`.
inline constexpr std::string_view kNodeChannels = "parley.";

std::string ConversationGroup(const Uuid& conversation);
// `user_<id>` if the id consists of [A-Za-z0-9_.-], the group name has fewer than 100 characters, and the
// id is not itself `x` and 64 hexadecimal digits; otherwise `user_x` and the SHA-256 of the id.
std::string UserGroup(const UserId& user);
std::optional<Uuid> ConversationOfGroup(std::string_view group);

// The rules of Channels: fewer than 100 characters of [A-Za-z0-9_.-]; a channel can have one `!`.
bool IsGroupName(std::string_view name);
bool IsChannelName(std::string_view name);

// The part of a channel name that addresses a Redis key: up to and including `!`, or all of it.
std::string_view NonLocal(std::string_view channel);

// "parley.<node>!", and a node's channel in a group. The suffix is the group's name, or a hash of it if
// that is too long.
std::string NodeChannel(std::string_view node);
std::string GroupSuffix(std::string_view group);

std::string GroupKey(std::string_view prefix, std::string_view group);
std::string InboxKey(std::string_view prefix, std::string_view non_local);
// The Redis channel of a group on the Pub/Sub layer.
std::string PubSubChannel(std::string_view prefix, std::string_view group);

// The index of the host that holds a value, among `hosts` hosts.
size_t HostOf(std::string_view value, size_t hosts);

// fnmatch.fnmatchcase of Python: `*`, `?`, `[set]`, `[!set]`.
bool MatchesGlob(std::string_view pattern, std::string_view text);

// Capacities of channels: the first pattern that matches a full channel name decides.
struct Capacities {
  std::vector<std::pair<std::string, int>> patterns;
  int otherwise = 100;
  int Of(std::string_view channel) const;
};

}  // namespace parley::django
