#include "auth/revocations.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

Revocation OfToken(const std::string& jti, int64_t made_at) {
  return {.jti = jti, .made_at = {made_at}};
}
Revocation OfUser(const UserId& user, int64_t issued_before, int64_t made_at) {
  return {.user = user, .issued_before = {issued_before}, .made_at = {made_at}};
}

TEST(RevocationsTest, ATokenIsRevokedUntilItsRevocationIsDropped) {
  Revocations revocations;
  revocations.Add(OfToken("a", 10));
  revocations.Add(OfToken("b", 20));
  revocations.DropMadeBefore({20});
  EXPECT_FALSE(revocations.Has("ann", "a", Timestamp{1}));
  EXPECT_TRUE(revocations.Has("ann", "b", Timestamp{1}));
  EXPECT_EQ(revocations.size(), 1u);
}

TEST(RevocationsTest, ALaterRevocationOfAUserKeepsTheEntry) {
  Revocations revocations;
  revocations.Add(OfUser("ann", 5, 10));
  revocations.Add(OfUser("ann", 3, 30));
  revocations.DropMadeBefore({20});
  EXPECT_TRUE(revocations.Has("ann", "", Timestamp{5}));
  EXPECT_FALSE(revocations.Has("ann", "", Timestamp{6}));
  revocations.DropMadeBefore({31});
  EXPECT_FALSE(revocations.Has("ann", "", Timestamp{5}));
  EXPECT_EQ(revocations.size(), 0u);
}

TEST(RevocationsTest, ARepeatedRevocationDoesNotMakeSessionsCheckAgain) {
  Revocations revocations;
  revocations.Add(OfUser("ann", 5, 10));
  revocations.Add(OfToken("a", 11));
  const uint64_t version = revocations.version();
  for (int i = 0; i < 1000; ++i) {
    revocations.Add(OfUser("ann", 5, 10));
    revocations.Add(OfToken("a", 11));
  }
  EXPECT_EQ(revocations.version(), version);
  revocations.DropMadeBefore({12});
  EXPECT_EQ(revocations.size(), 0u);
}

TEST(RevocationsTest, ATokenWithoutIatIsRevokedByAnyTime) {
  Revocations revocations;
  revocations.Add(OfUser("ann", -5, 10));
  EXPECT_TRUE(revocations.Has("ann", "", std::nullopt));
  EXPECT_FALSE(revocations.Has("ann", "", Timestamp{0}));
}

}  // namespace
}  // namespace parley
