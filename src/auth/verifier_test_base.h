// Shared by the verifier's tests: a clock near the times in their tokens, and one secret.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "auth/token_fixtures.h"
#include "auth/token_verifier.h"

namespace parley {

inline std::shared_ptr<const Key> SecretKey(std::string_view algorithm = "HS256",
                                            std::string_view secret = fixtures::kSecret) {
  return std::make_shared<const Key>(Key::Secret(algorithm, std::string(secret)));
}

class VerifierTest : public testing::Test {
 protected:
  Result<Identity> Verify(std::string_view token) const {
    return TokenVerifier(options_, clock_).Verify(token);
  }
  // "", or the reason of the refusal.
  std::string Refusal(std::string_view token) const {
    const auto identity = Verify(token);
    if (identity) return "";
    EXPECT_EQ(identity.error().code, ErrorCode::token_not_valid);
    return std::string(identity.error().reason);
  }
  ManualClock clock_{{1'700'000'000'000'000}};
  VerifierOptions options_{.key = SecretKey()};
};

}  // namespace parley
