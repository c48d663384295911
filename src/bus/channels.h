// The names of the Redis channels between nodes.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace parley {

inline constexpr std::string_view kNodesChannel = "parley:nodes";
inline constexpr std::string_view kConversationChannels = "parley:c:";

inline std::string ChannelOf(const Uuid& conversation) {
  return std::string(kConversationChannels) + conversation.ToString();
}
inline std::optional<Uuid> ConversationOf(std::string_view channel) {
  if (!channel.starts_with(kConversationChannels)) return std::nullopt;
  return Uuid::Parse(channel.substr(kConversationChannels.size()));
}

}  // namespace parley
