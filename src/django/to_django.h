// Parley's events as messages for Django's consumers. Pure functions.
//
// A consumer fails, and its WebSocket with it, on a type that it has no method for and on a missing
// field. So only the types of the guide's consumer are sent, each with all of its fields, and
// application events of the types that are allowed.
#pragma once
#include <optional>

#include "django/event_types.h"
#include "django/value.h"

namespace parley::django {

// `event`: what a socket receives, {"type", "data", …}. Returns nullopt if Django does not take it.
std::optional<Value> ToDjango(const Value& event, const AllowedTypes& application);

}  // namespace parley::django
