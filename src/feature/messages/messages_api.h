// The routes and commands of messages.
#pragma once
#include "feature/feature.h"

namespace parley {

std::unique_ptr<Feature> MakeMessages();
// Edit and delete; part of the feature.
void RegisterMessageChanges(Registry& registry, Services& services);

}  // namespace parley
