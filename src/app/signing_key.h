// The key that a configuration names, and what verifies tokens with it.
#pragma once
#include <memory>

#include "app/config.h"
#include "auth/key_set.h"
#include "auth/token_verifier.h"

namespace parley {

// Verifies, and signs where the secret or private key is here. In development without a key one is
// made and kept in data_dir/dev-secret, so that tokens outlive a restart. Throws
// std::runtime_error with one clear line.
std::shared_ptr<const Key> KeyOf(const Config& config);

VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> key);

}  // namespace parley
