// The key that a configuration names, and what verifies tokens with it.
#pragma once
#include <memory>

#include "app/config.h"
#include "auth/key.h"
#include "auth/key_refresher.h"
#include "auth/token_verifier.h"

namespace parley {

// The secret, or the key that signs: auth.private_key, else the public one, which signs nothing. In
// development without a secret one is made and kept in data_dir/dev-secret, so that tokens outlive a
// restart. None where keys come from elsewhere. Throws std::runtime_error with one clear line.
std::shared_ptr<const Key> SigningKey(const Config& config);

// What is wrong with the keys named, whose files are read; none: the server can verify with them.
std::vector<std::string> KeyErrors(const Config& config);

// What verifies: `signing` where it is a secret, else the public key or the sets of keys, whose
// places are added to `places`.
VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> signing,
                                  std::vector<KeyPlace>& places);

}  // namespace parley
