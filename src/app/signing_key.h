// The keys that a configuration names, and what verifies tokens with them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "auth/key.h"
#include "auth/token_verifier.h"

namespace parley {

// The secret or public key. In development without a secret one is made and kept in
// data_dir/dev-secret, so that tokens outlive a restart. Throws std::runtime_error with one clear
// line.
std::shared_ptr<const Key> VerifyingKey(const Config& config);

// What `parley token` and the development page sign with: auth.private_key where it is set, else
// the key above, which signs only if it is a secret. Throws as above.
std::shared_ptr<const Key> SigningKey(const Config& config);

// What is wrong with the keys named, whose files are read; none: the two above will do.
std::vector<std::string> KeyErrors(const Config& config);

VerifierOptions VerifierOptionsOf(const Config& config, std::shared_ptr<const Key> key);

}  // namespace parley
