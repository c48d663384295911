// The options of the channel layer, as its parts take them.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "config/config.h"
#include "django/django_bridge.h"

namespace parley {

// Returns nullopt if Parley does not join a channel layer: it is switched off, or there is no Redis.
// Otherwise `node` returns the node's identity: see NodeIdentity.
std::optional<django::DjangoBridge::Options> DjangoOptionsOf(
    const Config& config, const std::function<std::string()>& node);

}  // namespace parley
