// Typing indicators: ephemeral, to the others, ending by themselves.
#pragma once
#include "feature/services.h"

namespace parley {

void RegisterTyping(Registry& registry);

}  // namespace parley
