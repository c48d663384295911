#include "config/channel_layer_entry.h"

#include <gtest/gtest.h>

#include "config/option_checks.h"

namespace parley {
namespace {

using Texts = std::vector<std::string>;

TEST(ChannelLayerEntry, BackendsHaveShortNamesAndThoseOfDjango) {
  for (const char* const text : {"core", "channels_redis.core.RedisChannelLayer"}) {
    EXPECT_EQ(ParseChannelLayerBackend(text), ChannelLayerBackend::kCore);
  }
  for (const char* const text : {"pubsub", "channels_redis.pubsub.RedisPubSubChannelLayer"}) {
    EXPECT_EQ(ParseChannelLayerBackend(text), ChannelLayerBackend::kPubSub);
  }
  EXPECT_FALSE(ParseChannelLayerBackend("channels.layers.InMemoryChannelLayer"));
  EXPECT_NE(CheckChannelLayerBackend(std::string("memory")), "");
}

TEST(ChannelLayerEntry, AUrlOfSentinelsKeepsItsHosts) {
  EXPECT_EQ(ChannelLayerHosts({"redis://a", "redis+sentinel://b:1", "c:2/main", "unix:///d"}),
            (Texts{"redis://a", "redis+sentinel://b:1,c:2/main", "unix:///d"}));
  EXPECT_EQ(CheckChannelLayerHosts(Texts{"redis+sentinel://b:1", "c:2/main", "redis://a"}), "");
  EXPECT_NE(CheckChannelLayerHosts(Texts{"b:1"}), "");
  EXPECT_NE(CheckChannelLayerHosts(Texts{"redis://a", "http://b"}), "");
}

TEST(ChannelLayerEntry, CapacitiesOfPatterns) {
  EXPECT_EQ(ParseChannelCapacity("specific.*=1000").value(),
            std::pair(std::string("specific.*"), 1000));
  EXPECT_EQ(ParseChannelCapacity("a=b=1").value().first, "a=b");
  for (const char* const text : {"", "a", "a=", "a=x", "a=0", "a=-1", "a=1x", "a=99999999999"}) {
    EXPECT_FALSE(ParseChannelCapacity(text)) << text;
  }
}

TEST(ChannelLayerEntry, APrefixIsPrintableAndShort) {
  EXPECT_EQ(CheckChannelLayerPrefix(std::string("asgi:shop-1")), "");
  for (const char* const text : {"", "a b", "a\n", "é"}) {
    EXPECT_NE(CheckChannelLayerPrefix(std::string(text)), "") << text;
  }
}

}  // namespace
}  // namespace parley
