// A key set comes from a URL: no bytes may crash its reader, it keeps at most kJwksKeys keys, and none of
// them may verify an invalid signature.
//
// Input: the first byte chooses the algorithm, the rest is the key set.
// Sources: src/auth/base64url.cc src/auth/jwks.cc src/auth/key.cc src/base/error.cc
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/jwks.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr const char* kAlgorithms[] = {"RS256", "RS512", "PS256", "PS384", "ES256",
                                                "ES384", "ES512", "EdDSA", "HS256"};
  if (size == 0) return 0;
  const std::string algorithm = kAlgorithms[data[0] % std::size(kAlgorithms)];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto keys = parley::KeysFromJwks(text, algorithm);
  if (!keys) {
    Require(!keys.error().detail.empty());
    return 0;
  }
  Require(!keys->empty() && keys->size() <= parley::kJwksKeys);
  size_t tried = 0;
  for (const parley::NamedKey& key : *keys) {
    Require(key.key.algorithm() == algorithm);
    if (++tried > 2) break;  // verification is slow
    Require(!key.key.Verify("text", std::string(64, '\x5A')));
    Require(!key.key.Verify("text", ""));
  }
  return 0;
}
