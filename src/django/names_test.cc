#include "django/names.h"

#include <gtest/gtest.h>

namespace parley::django {
namespace {

constexpr std::string_view kGroup = "conversation_123e4567-e89b-12d3-a456-426614174000";
constexpr std::string_view kNode = "0123456789abcdef0123456789abcdef";

TEST(LayerNames, GroupsOfConversations) {
  const Uuid id = Uuid::Parse("123e4567-e89b-12d3-a456-426614174000").value();
  EXPECT_EQ(ConversationGroup(id), kGroup);
  EXPECT_EQ(ConversationOfGroup(kGroup), id);
  EXPECT_FALSE(ConversationOfGroup("user_1"));
  EXPECT_FALSE(ConversationOfGroup("conversation_1"));
}

// Proves: groups on the channel layer
TEST(LayerNames, GroupsOfUsers) {
  EXPECT_EQ(UserGroup("42"), "user_42");
  EXPECT_EQ(UserGroup("a.b-C_9"), "user_a.b-C_9");
  EXPECT_EQ(UserGroup(std::string(94, 'a')), "user_" + std::string(94, 'a'));
  const auto hashed = [](const UserId& user) {
    const std::string group = UserGroup(user);
    return group.size() == 70 && group.starts_with("user_x") && IsGroupName(group);
  };
  EXPECT_TRUE(hashed(std::string(95, 'a'))) << "too long";
  EXPECT_TRUE(hashed("auth0|5f7c"));
  EXPECT_TRUE(hashed("ann+chat@example.org"));
  const std::string looks = "x" + std::string(64, 'a');
  EXPECT_TRUE(hashed(looks));
  EXPECT_NE(UserGroup(looks), "user_" + looks) << "it could be the hash of another id";
  EXPECT_EQ(UserGroup("x" + std::string(63, 'a')), "user_x" + std::string(63, 'a'));
  EXPECT_EQ(UserGroup("a|b"),
            "user_x0eab8a0a3380abf4c7d1fb0b43b66aafbb64a4b953e4eb2dccca579461912d0c");
}

TEST(LayerNames, RulesOfChannels) {
  EXPECT_TRUE(IsGroupName(kGroup));
  EXPECT_FALSE(IsGroupName(""));
  EXPECT_FALSE(IsGroupName("a!b"));
  EXPECT_FALSE(IsGroupName("a b"));
  EXPECT_FALSE(IsGroupName("a\n"));
  EXPECT_FALSE(IsGroupName("\xC3\xA9"));
  const std::string longest(99, 'a'), longer(100, 'a');
  EXPECT_TRUE(IsGroupName(longest));
  EXPECT_FALSE(IsGroupName(longer));
  EXPECT_TRUE(IsChannelName("specific.0a!"));
  EXPECT_TRUE(IsChannelName("specific.0a!b"));
  EXPECT_FALSE(IsChannelName("!b"));
  EXPECT_FALSE(IsChannelName("a!b!c"));
  EXPECT_FALSE(IsChannelName(longest + "!"));
}

TEST(LayerNames, KeysOfRedis) {
  EXPECT_EQ(GroupKey("asgi", "g"), "asgi:group:g");
  EXPECT_EQ(NonLocal("specific.0a!b"), "specific.0a!");
  EXPECT_EQ(NonLocal("worker"), "worker");
  EXPECT_EQ(InboxKey("asgi", "specific.0a!"), "asgispecific.0a!");
  EXPECT_EQ(PubSubChannel("asgi", "g"), "asgi__group__g");
}

TEST(LayerNames, ChannelsOfANodeAreValidForEveryGroup) {
  EXPECT_EQ(NodeChannel(kNode), "parley.0123456789abcdef0123456789abcdef!");
  EXPECT_EQ(GroupSuffix(kGroup), kGroup);
  for (size_t size = 1; size < 100; ++size) {
    const std::string channel = NodeChannel(kNode) + GroupSuffix(std::string(size, 'g'));
    EXPECT_TRUE(IsChannelName(channel)) << channel;
    EXPECT_EQ(NonLocal(channel), NodeChannel(kNode));
  }
  EXPECT_NE(GroupSuffix(std::string(98, 'g')), GroupSuffix(std::string(99, 'g')));
}

TEST(LayerNames, HostsAreThoseOfChannelsRedis) {
  const auto hosts = [](std::string_view value) {
    std::vector<size_t> out;
    for (const size_t count : {1, 2, 3, 4, 5, 7}) out.push_back(HostOf(value, count));
    return out;
  };
  using Hosts = std::vector<size_t>;
  EXPECT_EQ(hosts(kGroup), (Hosts{0, 0, 1, 1, 1, 2}));
  EXPECT_EQ(hosts("specific.0123456789abcdef0123456789abcdef!"), (Hosts{0, 0, 1, 1, 1, 2}));
  EXPECT_EQ(hosts("specific.0123456789abcdef0123456789abcdef!node1"), (Hosts{0, 0, 1, 1, 2, 3}));
  EXPECT_EQ(hosts("g1"), (Hosts{0, 1, 2, 3, 4, 6}));
  EXPECT_EQ(hosts("asgi__group__conversation_123e4567-e89b-12d3-a456-426614174000"),
            (Hosts{0, 0, 1, 1, 2, 3}));
}

TEST(LayerNames, GlobsAreThoseOfPython) {
  for (const auto& [pattern, text] :
       std::vector<std::pair<const char*, const char*>>{{"parley.*", "parley.00!conversation_1"},
                                                        {"*", ""},
                                                        {"a?c", "abc"},
                                                        {"*b*d", "abcbd"},
                                                        {"[ab]c", "bc"},
                                                        {"[!ab]c", "cc"},
                                                        {"[a-c]x", "bx"},
                                                        {"[]]x", "]x"},
                                                        {"[x", "[x"},
                                                        {"[a-]x", "-x"}}) {
    EXPECT_TRUE(MatchesGlob(pattern, text)) << pattern;
  }
  for (const auto& [pattern, text] :
       std::vector<std::pair<const char*, const char*>>{{"parley.*", "specific.00!"},
                                                        {"a?c", "ac"},
                                                        {"", "a"},
                                                        {"a", ""},
                                                        {"[!ab]c", "ac"},
                                                        {"*b", "abc"},
                                                        {"A*", "abc"}}) {
    EXPECT_FALSE(MatchesGlob(pattern, text)) << pattern;
  }
  EXPECT_FALSE(MatchesGlob("*a*a*a*a*a*a*a*a*a*b", std::string(99, 'a')));
}

TEST(LayerNames, TheFirstPatternDecidesACapacity) {
  const Capacities capacities{.patterns = {{"specific.a*", 5}, {"specific.*", 7}},
                              .otherwise = 100};
  EXPECT_EQ(capacities.Of("specific.ab!c"), 5);
  EXPECT_EQ(capacities.Of("specific.b!c"), 7);
  EXPECT_EQ(capacities.Of("parley.b!c"), 100);
}

}  // namespace
}  // namespace parley::django
