#include "config/channel_layer_entry.h"

#include <charconv>

namespace parley {

std::optional<ChannelLayerBackend> ParseChannelLayerBackend(std::string_view text) {
  if (text == "core" || text == "channels_redis.core.RedisChannelLayer") {
    return ChannelLayerBackend::kCore;
  }
  if (text == "pubsub" || text == "channels_redis.pubsub.RedisPubSubChannelLayer") {
    return ChannelLayerBackend::kPubSub;
  }
  return std::nullopt;
}

std::vector<std::string> ChannelLayerHosts(const std::vector<std::string>& items) {
  std::vector<std::string> hosts;
  for (const std::string& item : items) {
    if (!hosts.empty() && item.find("://") == std::string::npos) {
      hosts.back() += "," + item;
    } else {
      hosts.push_back(item);
    }
  }
  return hosts;
}

tl::expected<std::pair<std::string, int>, std::string> ParseChannelCapacity(std::string_view text) {
  const size_t mark = text.rfind('=');
  const std::string_view digits = mark == text.npos ? "" : text.substr(mark + 1);
  int capacity = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), capacity);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      capacity < 1) {
    return tl::unexpected("contains '" + std::string(text) +
                          "', which is not pattern=capacity, such as specific.*=1000");
  }
  return std::pair(std::string(text.substr(0, mark)), capacity);
}

}  // namespace parley
