// No token may crash the verifier, an unsigned token is never valid, a valid token names a user in folded
// form and has not expired, and every error has a reason and contains nothing of the claims.
//
// Input: the first line is a JOSE header, the rest are claims; both are signed with a valid key, and the
// input itself is verified as a token too.
// Sources: src/auth/base64url.cc src/auth/key.cc src/auth/token_claims.cc src/auth/token_json.cc
// Sources: src/auth/token_reason.cc src/auth/token_verifier.cc src/base/clock.cc src/base/error.cc
// Sources: src/base/ids.cc src/base/keyed_hash.cc
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "auth/base64url.h"
#include "auth/token_verifier.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto key = std::make_shared<const parley::Key>(
      parley::Key::Secret("HS256", "a secret of more than thirty-two bytes"));
  static const parley::ManualClock clock;
  static const parley::TokenVerifier verifier({.key = key, .audiences = {}}, clock);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto refused = verifier.Verify(input);
  Require(!refused && refused.error().code == parley::ErrorCode::token_not_valid);
  Require(!refused.error().reason.empty() && !refused.error().detail.empty());

  const size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string text = parley::EncodeBase64Url(input.substr(0, line)) + "." +
                           parley::EncodeBase64Url(input.substr(line + 1));
  const std::string token = text + "." + parley::EncodeBase64Url(*key->Sign(text));
  if (const auto identity = verifier.Verify(token)) {
    Require(parley::IsUserId(identity->user));
    Require(identity->expires_at > clock.Now());
    // Times are compared in whole seconds.
    Require(!identity->issued_at ||
            identity->issued_at->micros / 1'000'000 <= clock.Now().micros / 1'000'000);
  } else {
    Require(!identity.error().reason.empty());
  }
  std::string wrong = token;
  wrong[text.size() + 1] = wrong[text.size() + 1] == 'A' ? 'B' : 'A';
  Require(!verifier.Verify(wrong));
  return 0;
}
