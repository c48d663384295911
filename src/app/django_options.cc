#include "app/django_options.h"

#include "config/channel_layer_entry.h"

namespace parley {

using std::chrono::duration_cast, std::chrono::seconds;

std::optional<django::DjangoBridge::Options> DjangoOptionsOf(
    const Config& config, const std::function<std::string()>& node) {
  const ChannelLayerConfig& from = config.channel_layer;
  std::vector<std::string> urls = ChannelLayerHosts(from.hosts);
  if (urls.empty() && !config.redis.url.empty()) urls.push_back(config.redis.url);
  if (!from.django || urls.empty()) return std::nullopt;

  django::DjangoBridge::Options out{.application_events = from.application_events};
  django::LayerOptions& layer = out.layer;
  if (ParseChannelLayerBackend(from.backend) == ChannelLayerBackend::kPubSub) {
    layer.backend = django::LayerOptions::Backend::kPubSub;
  }
  for (const std::string& url : urls) layer.hosts.push_back(ParseRedisUrl(url).value());
  layer.prefix = from.prefix;
  layer.capacities.otherwise = from.capacity;
  for (const std::string& text : from.channel_capacity) {
    layer.capacities.patterns.push_back(ParseChannelCapacity(text).value());
  }
  layer.expiry = duration_cast<seconds>(from.expiry);
  layer.group_expiry = duration_cast<seconds>(from.group_expiry);
  layer.encryption_keys = from.symmetric_encryption_keys;
  layer.serializer = from.serializer_format == SerializerFormat::kJson
                         ? django::Serializer::kJson
                         : django::Serializer::kMsgpack;
  layer.random_prefix_length = static_cast<size_t>(from.random_prefix_length);
  layer.node = node();
  return out;
}

}  // namespace parley
