#include "app/django_options.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(DjangoOptions, TheGuidesRedisIsEnough) {
  Config config;
  EXPECT_FALSE(DjangoOptionsOf(config, [] { return "n"; }));
  config.redis.url = "redis://127.0.0.1:6379/0";
  const auto options = DjangoOptionsOf(config, [] { return "n"; }).value();
  EXPECT_EQ(options.layer.backend, django::LayerOptions::Backend::kCore);
  ASSERT_EQ(options.layer.hosts.size(), 1u);
  EXPECT_EQ(options.layer.prefix, "asgi");
  EXPECT_EQ(options.layer.capacities.Of("specific.a!b"), 1500);
  EXPECT_EQ(options.layer.expiry, std::chrono::seconds(60));
  EXPECT_EQ(options.layer.group_expiry, std::chrono::seconds(86400));
  EXPECT_EQ(options.layer.random_prefix_length, 12u);
  EXPECT_EQ(options.layer.node, "n");
  config.channel_layer.django = false;
  EXPECT_FALSE(DjangoOptionsOf(config, [] { return "n"; }));
}

TEST(DjangoOptions, EachOptionIsPassedOn) {
  Config config;
  config.redis.url = "redis://other";
  config.channel_layer = {.backend = "pubsub",
                          .hosts = {"redis://a:1/2", "redis+sentinel://b:1", "c:2/main"},
                          .prefix = "shop",
                          .capacity = 7,
                          .expiry = std::chrono::seconds(10),
                          .group_expiry = std::chrono::seconds(100),
                          .channel_capacity = {"specific.*=9"},
                          .symmetric_encryption_keys = {"x", "y"},
                          .serializer_format = SerializerFormat::kJson,
                          .random_prefix_length = 5,
                          .application_events = {"order.updated"}};
  const auto options = DjangoOptionsOf(config, [] { return "n"; }).value();
  const django::LayerOptions& layer = options.layer;
  EXPECT_EQ(layer.backend, django::LayerOptions::Backend::kPubSub);
  ASSERT_EQ(layer.hosts.size(), 2u);
  EXPECT_EQ(layer.hosts[0].database, 2);
  EXPECT_EQ(layer.hosts[1].master, "main");
  EXPECT_EQ(layer.hosts[1].endpoints.size(), 2u);
  EXPECT_EQ(layer.prefix, "shop");
  EXPECT_EQ(layer.capacities.Of("specific.a!b"), 9);
  EXPECT_EQ(layer.capacities.Of("worker"), 7);
  EXPECT_EQ(layer.expiry, std::chrono::seconds(10));
  EXPECT_EQ(layer.group_expiry, std::chrono::seconds(100));
  EXPECT_EQ(layer.encryption_keys, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(layer.serializer, django::Serializer::kJson);
  EXPECT_EQ(layer.random_prefix_length, 5u);
  EXPECT_EQ(options.application_events, std::vector<std::string>{"order.updated"});
}

}  // namespace
}  // namespace parley
