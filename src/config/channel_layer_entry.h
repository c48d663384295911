// The texts of the options of [channel_layer]. Pure functions.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace parley {

enum class ChannelLayerBackend { kCore, kPubSub };

// `core`, `pubsub`, or the class path in Django's settings.
std::optional<ChannelLayerBackend> ParseChannelLayerBackend(std::string_view text);

// The URLs of `channel_layer.hosts`. A URL of Sentinels contains commas, at which a list is split in the
// environment and in flags: an item that is not a URL belongs to the one before it.
std::vector<std::string> ChannelLayerHosts(const std::vector<std::string>& items);

// "pattern=capacity". The error follows the option's name in a message.
tl::expected<std::pair<std::string, int>, std::string> ParseChannelCapacity(std::string_view text);

}  // namespace parley
