// Revokes tokens before they expire; for services.
#pragma once
#include <memory>

#include "auth/revocations.h"
#include "feature/feature.h"

namespace parley {

struct RevocationOptions {
  Duration kept{};            // auth.revocations_kept: at least the lifetime of any token
  bool shared_store = false;  // other processes write to it
};

// Loads all revocations into `revocations`, which must outlive the feature. Throws std::runtime_error if
// the store does not respond.
std::unique_ptr<Feature> MakeRevocations(NodeServices node, Revocations& revocations,
                                         RevocationOptions options);

}  // namespace parley
