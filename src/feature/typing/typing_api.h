// Typing indicators: ephemeral events to the other participants, with a timeout.
#pragma once
#include "feature/services.h"

namespace parley {

void RegisterTyping(Registry& registry);

}  // namespace parley
