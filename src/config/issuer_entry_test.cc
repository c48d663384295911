#include "config/issuer_entry.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(IssuerEntryTest, AnEntryNeedsIssuerAlgorithmAndKeys) {
  const auto entry = ParseIssuerEntry("https://a ES256 keys.json");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->issuer, "https://a");
  EXPECT_EQ(entry->algorithm, "ES256");
  EXPECT_EQ(entry->keys, "keys.json");
  EXPECT_EQ(entry->audience, "");
  EXPECT_EQ(entry->user_prefix, "");
  EXPECT_FALSE(entry->service) << "service tokens are off by default";
}

TEST(IssuerEntryTest, OptionalWordsComeInAnyOrder) {
  for (const char* text :
       {"https://a ES256 k chat service prefix=a:", "https://a ES256 k service chat prefix=a:",
        "https://a ES256 k prefix=a: audience=chat service"}) {
    const auto entry = ParseIssuerEntry(text);
    ASSERT_TRUE(entry) << text;
    EXPECT_EQ(entry->audience, "chat") << text;
    EXPECT_EQ(entry->user_prefix, "a:") << text;
    EXPECT_TRUE(entry->service) << text;
  }
  EXPECT_EQ(ParseIssuerEntry("https://a ES256 k audience=service")->audience, "service");
}

TEST(IssuerEntryTest, InvalidEntriesAreErrors) {
  for (const char* text :
       {"", "https://a", "https://a ES256", "https://a HS256 k", "https://a none k",
        "https://a ES256 k chat talk", "https://a ES256 k service service",
        "https://a ES256 k prefix=a/", "https://a ES256 k prefix=a%",
        "https://a ES256 k prefix=a: prefix=b:"}) {
    EXPECT_FALSE(ParseIssuerEntry(text)) << text;
  }
  EXPECT_FALSE(ParseIssuerEntry("https://a ES256 k prefix=" + std::string(93, 'p')));
  EXPECT_TRUE(ParseIssuerEntry("https://a ES256 k prefix=" + std::string(92, 'p')));
}

}  // namespace
}  // namespace parley
