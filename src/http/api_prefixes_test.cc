#include "http/api_prefixes.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Segments = std::vector<std::string>;

// "prefix: segments as routes have them"; "-" if the path is not served.
std::string Normalized(const ApiPrefixes& prefixes, Segments segments) {
  const std::string* prefix = prefixes.Normalize(segments);
  if (prefix == nullptr) return "-";
  std::string text = *prefix + ":";
  for (const std::string& segment : segments) text += " " + segment;
  return text;
}

TEST(ApiPrefixesTest, TheDefaultPrefixIsThatOfTheRoutes) {
  const ApiPrefixes prefixes({"/api/messaging"});
  EXPECT_EQ(Normalized(prefixes, {"api", "messaging", "messages"}),
            "/api/messaging: api messaging messages");
  EXPECT_EQ(Normalized(prefixes, {"livez"}), ": livez");
  EXPECT_EQ(Normalized(prefixes, {}), ":");
}

TEST(ApiPrefixesTest, OtherPrefixesAreMappedToTheDefault) {
  const ApiPrefixes prefixes({"/api/v1/messaging", "/api/messaging", "/m"});
  EXPECT_EQ(Normalized(prefixes, {"api", "v1", "messaging", "messages"}),
            "/api/v1/messaging: api messaging messages");
  EXPECT_EQ(Normalized(prefixes, {"api", "messaging", "x"}), "/api/messaging: api messaging x");
  EXPECT_EQ(Normalized(prefixes, {"m", "x"}), "/m: api messaging x");
  EXPECT_EQ(Normalized(prefixes, {"api", "v1"}), ": api v1");
  EXPECT_EQ(prefixes.first(), "/api/v1/messaging");
}

TEST(ApiPrefixesTest, APrefixThatIsNotListedIsNotServed) {
  const ApiPrefixes prefixes({"/api/v1/messaging"});
  EXPECT_EQ(Normalized(prefixes, {"api", "messaging", "messages"}), "-");
}

TEST(ApiPrefixesTest, TheLongestMatchingPrefixWins) {
  const ApiPrefixes prefixes({"/api", "/api/messaging"});
  EXPECT_EQ(Normalized(prefixes, {"api", "messaging", "messages"}),
            "/api/messaging: api messaging messages");
  EXPECT_EQ(Normalized(prefixes, {"api", "messages"}), "/api: api messaging messages");
}

}  // namespace
}  // namespace parley
