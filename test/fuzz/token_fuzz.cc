// No token crashes the verifier, nothing that is not signed is good, and what is good names a user
// and has not expired.
//
// Input: the first line is a JOSE header, the rest are claims; both are signed with a good key, and
// the input as it is is tried as a token too.
// Sources: src/auth/base64url.cc src/auth/key.cc
// Sources: src/auth/token_verifier.cc src/base/clock.cc src/base/error.cc src/base/ids.cc
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
  Require(!verifier.Verify(input));

  const size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string text = parley::EncodeBase64Url(input.substr(0, line)) + "." +
                           parley::EncodeBase64Url(input.substr(line + 1));
  const std::string token = text + "." + parley::EncodeBase64Url(*key->Sign(text));
  if (const auto identity = verifier.Verify(token)) {
    Require(parley::IsUserId(identity->user));
    Require(identity->expires_at > clock.Now());
    Require(!identity->issued_at || *identity->issued_at <= clock.Now());
  }
  std::string wrong = token;
  wrong[text.size() + 1] = wrong[text.size() + 1] == 'A' ? 'B' : 'A';
  Require(!verifier.Verify(wrong));
  return 0;
}
