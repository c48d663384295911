// The configured signing key, and the options of the verifier.
#pragma once
#include <memory>

#include "auth/key.h"
#include "auth/key_refresher.h"
#include "auth/token_verifier.h"
#include "config/config.h"

namespace parley {

// Returns the secret, or auth.private_key, or else the public key, which cannot sign. In development
// without a secret, one is generated and stored in data_dir/dev-secret, so that tokens survive a
// restart. Returns null if keys come from key sets. Throws std::runtime_error with one clear line.
std::shared_ptr<const Key> SigningKey(const Config& config);

// Reads the configured key files and returns their errors; empty if the server can use all of them.
std::vector<std::string> KeyErrors(const Config& config);

// Returns the options of the verifier: `signing` if it is a secret, otherwise the public key or the key
// sets, whose sources are added to `places`.
VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> signing,
                                  std::vector<KeyPlace>& places);

}  // namespace parley
