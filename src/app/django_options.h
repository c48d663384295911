// The options of the channel layer, as its parts take them.
#pragma once
#include <optional>
#include <string>

#include "config/config.h"
#include "django/django_bridge.h"

namespace parley {

// `node`: see NodeIdentity. Returns nullopt if Parley does not join a channel layer: it is switched off,
// or there is no Redis.
std::optional<django::DjangoBridge::Options> DjangoOptionsOf(const Config& config,
                                                             std::string node);

}  // namespace parley
