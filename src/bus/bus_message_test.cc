#include "bus/bus_message.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

const Uuid kNode{{0x11, 0x22}};

// Proves: nodes over Redis
TEST(BusMessageTest, AnEventIsDecodedAsEncoded) {
  const BusEvent sent{.seq = 1'234'567'890'123,
                      .about_seq = 7,
                      .at = {1'700'000'000'000'001},
                      .removal = 1,
                      .single_conversation = true,
                      .except_user = "ann",
                      .undelivered_from = "bob",
                      .json = std::string("{\"type\":\"message\",\"\xf0\x9f\x98\x80\0\"}", 27),
                      .removed = "eve",
                      .participant_count = 3};
  const auto read = DecodeBus(EncodeBus(kNode, sent));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->node, kNode);
  const auto& got = std::get<BusEvent>(read->message);
  EXPECT_EQ(got.seq, sent.seq);
  EXPECT_EQ(got.about_seq, sent.about_seq);
  EXPECT_EQ(got.at, sent.at);
  EXPECT_EQ(got.removal, sent.removal);
  EXPECT_EQ(got.single_conversation, sent.single_conversation);
  EXPECT_EQ(got.except_user, sent.except_user);
  EXPECT_EQ(got.undelivered_from, sent.undelivered_from);
  EXPECT_EQ(got.json, sent.json);
  EXPECT_EQ(got.added, std::nullopt);
  EXPECT_EQ(got.removed, "eve");
  EXPECT_EQ(got.participant_count, 3);
}

TEST(BusMessageTest, EveryKindIsDecodedAsEncoded) {
  const BusMessage all[] = {BusEvent{},
                            BusTyping{"ann", 5, true, true},
                            BusJoined{Uuid{{9}}, {"ann", "bob"}, 4, "{}"},
                            BusHello{Uuid{{8}}, 3, 99, true},
                            BusPresence{true, {"ann"}},
                            BusPresenceAsk{Uuid{{7}}},
                            BusPresenceReset{},
                            BusShutdown{},
                            BusLost{},
                            BusConsumed{{{2, "ann", 7}, {8, " 192.0.2.1", 1}}},
                            BusStatus{"{}"}};
  static_assert(std::size(all) == std::variant_size_v<BusMessage>);
  for (const BusMessage& one : all) {
    const auto read = DecodeBus(EncodeBus(kNode, one));
    ASSERT_TRUE(read) << one.index();
    EXPECT_EQ(read->message.index(), one.index());
    EXPECT_EQ(EncodeBus(kNode, read->message), EncodeBus(kNode, one));
  }
}

TEST(BusMessageTest, ATruncatedMessageIsInvalid) {
  const std::string whole = EncodeBus(kNode, BusJoined{Uuid{{9}}, {"ann", "bob"}, 4, "{}"});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(DecodeBus(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(BusMessageTest, WrongLengthsAreInvalid) {
  std::string bytes = EncodeBus(kNode, BusPresence{true, {"ann"}});
  for (size_t at = 19; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = '\xff';
    DecodeBus(changed);  // must not read beyond it, nor take much memory
  }
}

TEST(BusMessageTest, FieldsThatALaterVersionAppendsAreIgnored) {
  const auto read = DecodeBus(EncodeBus(kNode, BusHello{Uuid{{8}}, 3, 99}) + "more");
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<BusHello>(read->message).users_digest, 99u);
}

TEST(BusMessageTest, AHelloOfAnOlderVersionIsDecoded) {
  std::string bytes = EncodeBus(kNode, BusHello{Uuid{{8}}, 3, 99, true, true});
  for (const bool knows_settled : {true, false}) {
    bytes.pop_back();
    const auto read = DecodeBus(bytes);
    ASSERT_TRUE(read);
    const auto& hello = std::get<BusHello>(read->message);
    EXPECT_EQ(hello.users_digest, 99u);
    EXPECT_EQ(hello.settled, knows_settled);
    EXPECT_FALSE(hello.as_guide);
  }
}

TEST(BusMessageTest, OtherVersionsUnknownKindsAndRandomBytesAreInvalid) {
  std::string bytes = EncodeBus(kNode, BusLost{});
  bytes[1] = 2;
  EXPECT_FALSE(DecodeBus(bytes));
  bytes = EncodeBus(kNode, BusLost{});
  bytes[2] = 100;
  EXPECT_FALSE(DecodeBus(bytes));
  EXPECT_FALSE(DecodeBus(""));
  EXPECT_FALSE(DecodeBus("{\"type\":\"chat_message\"}"));
}

}  // namespace
}  // namespace parley
