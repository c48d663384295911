#include "net/ws_frame.h"

#include <gtest/gtest.h>

#include "test/support/ws_client_frame.h"

namespace parley {
namespace {

using test::ClientFrame;
using test::Decode;
using test::Masked;
using test::SeenEvent;
using test::SeenEvents;
using Kind = WsEvent::Kind;

std::string Bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

// Builds a header, followed by a mask of zeros.
std::string Header(std::initializer_list<int> values) {
  return Bytes(values) + Bytes({0, 0, 0, 0});
}

void ExpectRefused(std::string_view bytes, uint16_t code, const char* what,
                   size_t max_message = 1 << 20) {
  const SeenEvents events = Decode(bytes, max_message);
  ASSERT_FALSE(events.empty()) << what;
  EXPECT_EQ(events.back().kind, Kind::kError) << what;
  EXPECT_EQ(events.back().code, code) << what;
  EXPECT_FALSE(events.back().payload.empty()) << what;
}

// --- what RFC 6455 shows

TEST(WsDecoder, ReadsTheMaskedHelloOfTheRfc) {
  const std::string hello =
      Bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58});
  EXPECT_EQ(Decode(hello), (SeenEvents{{Kind::kText, "Hello"}}));
  EXPECT_EQ(Masked(WsOpcode::kText, "Hello"), hello);
}

TEST(WsDecoder, ReadsTheMaskedPongOfTheRfc) {
  EXPECT_EQ(Decode(Bytes({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})),
            (SeenEvents{{Kind::kPong, "Hello"}}));
}

TEST(WsDecoder, ReadsAFragmentedMessage) {
  EXPECT_EQ(Decode(Masked(WsOpcode::kText, "Hel", false) + Masked(WsOpcode::kContinuation, "lo")),
            (SeenEvents{{Kind::kText, "Hello"}}));
}

TEST(WsEncoder, WritesTheFramesOfTheRfc) {
  EXPECT_EQ(EncodeText("Hello").view(), Bytes({0x81, 0x05}) + "Hello");
  EXPECT_EQ(EncodePing("Hello").view(), Bytes({0x89, 0x05}) + "Hello");
  EXPECT_EQ(EncodePong("Hello").view(), Bytes({0x8A, 0x05}) + "Hello");
  std::string header;
  AppendFrameHeader(header, WsOpcode::kBinary, 256);
  EXPECT_EQ(header, Bytes({0x82, 0x7E, 0x01, 0x00}));
  header.clear();
  AppendFrameHeader(header, WsOpcode::kBinary, 65536);
  EXPECT_EQ(header, Bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(WsHandshake, AnswersTheKeyOfTheRfc) {
  EXPECT_EQ(AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WsHandshake, AcceptsOnlyKeysOfSixteenBytes) {
  EXPECT_TRUE(IsValidKey("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_TRUE(IsValidKey("AAAAAAAAAAAAAAAAAAAAAA=="));
  EXPECT_TRUE(IsValidKey("////++++zzzzZZZZ0000aA=="));
  EXPECT_FALSE(IsValidKey(""));
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAAAA="));
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAAAA=== "));
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAAAAA="));  // 17 bytes
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAAAAAA"));  // 18 bytes
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAAA==="));
  EXPECT_FALSE(IsValidKey("AAAAAAAAAAAAAAAAAAAA-_=="));  // the other alphabet
  EXPECT_FALSE(IsValidKey("AAAAAAAAAA AAAAAAAAAAA=="));
  EXPECT_FALSE(IsValidKey(std::string(24, '\0')));
}

// --- messages

TEST(WsDecoder, ReadsEveryFormOfLength) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{125}, size_t{126},
        size_t{127}, size_t{65535}, size_t{65536}, size_t{70001}}) {
    const std::string payload(size, 'x');
    EXPECT_EQ(Decode(Masked(WsOpcode::kText, payload)), (SeenEvents{{Kind::kText, payload}}));
    EXPECT_EQ(Decode(Masked(WsOpcode::kBinary, payload)), (SeenEvents{{Kind::kBinary, payload}}));
  }
}

TEST(WsDecoder, AMessageInOneFrameIsNotCopied) {
  std::string bytes = Masked(WsOpcode::kText, std::string(300, 'x'));
  WsDecoder decoder(1024);
  std::span<char> input(bytes);
  const WsEvent event = decoder.Next(input);
  EXPECT_EQ(event.payload.data(), bytes.data() + 8);
  EXPECT_EQ(event.payload, std::string(300, 'x'));
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

TEST(WsDecoder, ReturnsOneEventAtATimeAndConsumesOnlyItsBytes) {
  std::string bytes = Masked(WsOpcode::kText, "one");
  const size_t first = bytes.size();
  bytes += Masked(WsOpcode::kText, "two");
  WsDecoder decoder(1024);
  std::span<char> input(bytes);
  EXPECT_EQ(decoder.Next(input).payload, "one");
  EXPECT_EQ(input.size(), bytes.size() - first);
  EXPECT_EQ(decoder.Next(input).payload, "two");
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(decoder.Next(input).kind, Kind::kNeedMore);
}

TEST(WsDecoder, ControlFramesMayComeBetweenFragments) {
  const std::string bytes = Masked(WsOpcode::kText, "a", false) + Masked(WsOpcode::kPing, "p1") +
                            Masked(WsOpcode::kContinuation, "", false) +
                            Masked(WsOpcode::kPong, "") + Masked(WsOpcode::kContinuation, "b") +
                            Masked(WsOpcode::kBinary, "c");
  EXPECT_EQ(
      Decode(bytes),
      (SeenEvents{
          {Kind::kPing, "p1"}, {Kind::kPong, ""}, {Kind::kText, "ab"}, {Kind::kBinary, "c"}}));
}

TEST(WsDecoder, ACodePointMaySpanFragments) {
  const std::string bytes =
      Masked(WsOpcode::kText, "\xF0\x9F", false) + Masked(WsOpcode::kPing, "") +
      Masked(WsOpcode::kContinuation, "\x98", false) + Masked(WsOpcode::kContinuation, "\x80!");
  EXPECT_EQ(Decode(bytes), (SeenEvents{{Kind::kPing, ""}, {Kind::kText, "\xF0\x9F\x98\x80!"}}));
}

TEST(WsDecoder, BinaryMessagesMayContainAnyBytes) {
  EXPECT_EQ(Decode(Masked(WsOpcode::kBinary, "\xFF\xC0", false) +
                   Masked(WsOpcode::kContinuation, "\x80")),
            (SeenEvents{{Kind::kBinary, "\xFF\xC0\x80"}}));
}

// --- closing

TEST(WsDecoder, ReturnsTheCodeAndReasonOfAClose) {
  EXPECT_EQ(Decode(Masked(WsOpcode::kClose, "")), (SeenEvents{{Kind::kClose, "", kWsNoCode}}));
  EXPECT_EQ(Decode(Masked(WsOpcode::kClose, Bytes({0x03, 0xE8}))),
            (SeenEvents{{Kind::kClose, "", 1000}}));
  EXPECT_EQ(Decode(Masked(WsOpcode::kClose, Bytes({0x0F, 0xA1}) + "caf\xC3\xA9")),
            (SeenEvents{{Kind::kClose, "caf\xC3\xA9", 4001}}));
}

TEST(WsDecoder, AcceptsOnlyCloseCodesAllowedOnTheWire) {
  for (int code = 0; code <= 0xFFFF; ++code) {
    const bool good =
        (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
        (code >= 3000 && code < 5000);
    const SeenEvents events = Decode(Masked(WsOpcode::kClose, Bytes({code >> 8, code & 0xFF})));
    ASSERT_EQ(events.size(), 1u);
    ASSERT_EQ(events[0].kind, good ? Kind::kClose : Kind::kError) << code;
    ASSERT_EQ(events[0].code, good ? code : 1002) << code;
  }
}

TEST(WsDecoder, RejectsMalformedClosePayloads) {
  ExpectRefused(Masked(WsOpcode::kClose, "\x03"), 1002, "half a code");
  ExpectRefused(Masked(WsOpcode::kClose, Bytes({0x03, 0xE8, 0xFF})), 1007, "reason not UTF-8");
  ExpectRefused(Masked(WsOpcode::kClose, Bytes({0x03, 0xE8, 0xE2, 0x82})), 1007, "cut reason");
}

TEST(WsDecoder, IgnoresInputAfterAClose) {
  EXPECT_EQ(Decode(Masked(WsOpcode::kText, "a") + Masked(WsOpcode::kClose, "") +
                   Masked(WsOpcode::kText, "b") + "rubbish"),
            (SeenEvents{{Kind::kText, "a"}, {Kind::kClose, "", kWsNoCode}}));
}

// --- refusals

// Proves: RFC 6455
TEST(WsDecoder, RejectsUnmaskedFrames) {
  ExpectRefused(Bytes({0x81, 0x05}), 1002, "text");
  ExpectRefused(Bytes({0x89, 0x00}), 1002, "ping");
  ExpectRefused(Bytes({0x88, 0x00}), 1002, "close");
}

TEST(WsDecoder, RejectsReservedBits) {
  ExpectRefused(Bytes({0xC1}), 1002, "RSV1");
  ExpectRefused(Bytes({0xA1}), 1002, "RSV2");
  ExpectRefused(Bytes({0x91}), 1002, "RSV3");
  ExpectRefused(Bytes({0xC9}), 1002, "RSV1 on a ping");
}

TEST(WsDecoder, RejectsUnknownOpcodes) {
  for (const int opcode : {0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF}) {
    ExpectRefused(Bytes({0x80 | opcode}), 1002, "final");
    ExpectRefused(Bytes({opcode}), 1002, "not final");
  }
}

TEST(WsDecoder, RejectsFragmentedAndOversizedControlFrames) {
  for (const WsOpcode opcode : {WsOpcode::kClose, WsOpcode::kPing, WsOpcode::kPong}) {
    ExpectRefused(Masked(opcode, "", false), 1002, "fragmented");
    ExpectRefused(Masked(opcode, std::string(126, 'x')), 1002, "126 bytes");
  }
  EXPECT_EQ(Decode(Masked(WsOpcode::kPing, std::string(125, 'x'))).front().payload.size(), 125u);
  ExpectRefused(Bytes({0x89, 0xFE}), 1002, "announced in 16 bits");
  ExpectRefused(Bytes({0x89, 0xFF}), 1002, "announced in 64 bits");
}

TEST(WsDecoder, RejectsFragmentsOutOfOrder) {
  ExpectRefused(Masked(WsOpcode::kContinuation, "x"), 1002, "continuation of nothing");
  ExpectRefused(Masked(WsOpcode::kContinuation, "x", false), 1002, "continuation of nothing");
  ExpectRefused(Masked(WsOpcode::kText, "a") + Masked(WsOpcode::kContinuation, "x"), 1002,
                "continuation of a whole message");
  ExpectRefused(Masked(WsOpcode::kText, "a", false) + Masked(WsOpcode::kContinuation, "b") +
                    Masked(WsOpcode::kContinuation, "c"),
                1002, "continuation of a finished message");
  for (const WsOpcode opcode : {WsOpcode::kText, WsOpcode::kBinary}) {
    ExpectRefused(Masked(WsOpcode::kText, "a", false) + Masked(opcode, "b"), 1002,
                  "a message inside a message");
  }
}

TEST(WsDecoder, RejectsLengthsNotInTheirShortestForm) {
  ExpectRefused(Header({0x81, 0xFE, 0, 0}), 1002, "0 in 16 bits");
  ExpectRefused(Header({0x81, 0xFE, 0, 125}), 1002, "125 in 16 bits");
  ExpectRefused(Header({0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 125}), 1002, "125 in 64 bits");
  ExpectRefused(Header({0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), 1002, "65535 in 64 bits");
}

TEST(WsDecoder, RejectsALengthWithItsTopBitSet) {
  ExpectRefused(Header({0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0}), 1002, "2^63");
  ExpectRefused(Header({0x82, 0xFF, 0xFF, 255, 255, 255, 255, 255, 255, 255}), 1002, "2^64 - 1");
}

TEST(WsDecoder, RejectsTextThatIsNotUtf8) {
  ExpectRefused(Masked(WsOpcode::kText, "ok \xFF"), 1007, "FF");
  ExpectRefused(Masked(WsOpcode::kText, "\xED\xA0\x80"), 1007, "surrogate");
  ExpectRefused(Masked(WsOpcode::kText, "\xE2\x82"), 1007, "cut at the end");
  ExpectRefused(Masked(WsOpcode::kText, "\xE2", false) + Masked(WsOpcode::kContinuation, "\x82"),
                1007, "cut at the end of the last fragment");
  ExpectRefused(Masked(WsOpcode::kText, "\xE2", false) + Masked(WsOpcode::kContinuation, "x"), 1007,
                "cut between fragments");
}

TEST(WsDecoder, InvalidTextIsRejectedBeforeItsFrameIsComplete) {
  const std::string frame = Masked(WsOpcode::kText, "ok \xFF" + std::string(500, 'x'));
  EXPECT_EQ(Decode(frame.substr(0, 8 + 3)), SeenEvents());
  ExpectRefused(frame.substr(0, 8 + 4), 1007, "the bad byte has come, the rest has not");
}

TEST(WsDecoder, MessagesBeforeAFailureAreReturnedFirst) {
  const SeenEvents events = Decode(Masked(WsOpcode::kText, "a") + Masked(WsOpcode::kPing, "p") +
                                   Masked(WsOpcode::kText, "\xFF") + Masked(WsOpcode::kText, "b"));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0], (SeenEvent{Kind::kText, "a"}));
  EXPECT_EQ(events[1], (SeenEvent{Kind::kPing, "p"}));
  EXPECT_EQ(events[2].kind, Kind::kError);
}

// --- bounds

TEST(WsDecoder, AMessageIsAcceptedUpToTheLimit) {
  EXPECT_EQ(Decode(Masked(WsOpcode::kText, std::string(1000, 'x')), 1000).front().kind,
            Kind::kText);
  ExpectRefused(Masked(WsOpcode::kText, std::string(1001, 'x')), 1009, "one frame", 1000);
  const std::string half = Masked(WsOpcode::kText, std::string(500, 'x'), false);
  EXPECT_EQ(
      Decode(half + Masked(WsOpcode::kContinuation, std::string(500, 'y')), 1000).front().kind,
      Kind::kText);
  ExpectRefused(half + Masked(WsOpcode::kContinuation, std::string(501, 'y')), 1009, "fragments",
                1000);
  // The limit is for one message, not for all of them.
  std::string many;
  for (int i = 0; i < 5; ++i) many += half + Masked(WsOpcode::kContinuation, "");
  EXPECT_EQ(Decode(many, 1000).size(), 5u);
}

TEST(WsDecoder, AnOversizedMessageIsRejectedByItsLength) {
  ExpectRefused(Bytes({0x81, 0xFE, 0x03, 0xE9}), 1009, "16 bits", 1000);
  ExpectRefused(Bytes({0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255}), 1009, "2^63 - 1");
  ExpectRefused(Masked(WsOpcode::kText, "a", false) +
                    Bytes({0x00, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255}),
                1009, "2^63 - 1 in a second fragment");
}

TEST(WsDecoder, PingsAreAcceptedInsideAMessageAtTheLimit) {
  EXPECT_EQ(
      Decode(Masked(WsOpcode::kText, "xx", false) + Masked(WsOpcode::kPing, std::string(125, 'p')) +
                 Masked(WsOpcode::kContinuation, ""),
             2)
          .size(),
      2u);
}

TEST(WsDecoder, AMessageWithTooManyFragmentsIsRejected) {
  std::string bytes = Masked(WsOpcode::kText, "", false);
  std::string expected;
  for (uint32_t i = 2; i < WsDecoderOptions{0}.max_fragments; ++i) {
    bytes += Masked(WsOpcode::kContinuation, "x", false);
    expected += "x";
  }
  const std::string last = Masked(WsOpcode::kContinuation, "");
  EXPECT_EQ(Decode(bytes + last), (SeenEvents{{Kind::kText, expected}}));
  EXPECT_EQ(Decode(bytes + last + bytes + last).size(), 2u);
  ExpectRefused(bytes + Masked(WsOpcode::kContinuation, "", false) + last, 1009, "one more");
}

TEST(WsDecoder, UsesNoMemoryBetweenMessages) {
  EXPECT_LE(sizeof(WsDecoder), 48u);
  WsDecoder decoder(1 << 20);
  SeenEvents seen;
  const std::string message = Masked(WsOpcode::kText, std::string(100'000, 'x'));
  test::FeedPiece(decoder, message.substr(0, 70'000), seen);
  EXPECT_GE(decoder.held_bytes(), 69'000u);
  test::FeedPiece(decoder, message.substr(70'000), seen);
  test::FeedPiece(decoder, Masked(WsOpcode::kText, "a", false), seen);
  test::FeedPiece(decoder, Masked(WsOpcode::kContinuation, "b"), seen);
  const std::string ping = Masked(WsOpcode::kPing, "abc");
  test::FeedPiece(decoder, ping.substr(0, 7), seen);
  EXPECT_GT(decoder.held_bytes(), 0u);
  test::FeedPiece(decoder, ping.substr(7), seen);
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

TEST(WsDecoder, MemoryDependsOnReceivedBytesNotOnTheAnnouncedLength) {
  WsDecoder decoder(1 << 20);
  SeenEvents seen;
  const std::string message = Masked(WsOpcode::kText, std::string(1 << 20, 'x'));
  test::FeedPiece(decoder, message.substr(0, 20), seen);
  EXPECT_LE(decoder.held_bytes(), 5'000u);
  test::FeedPiece(decoder, message.substr(20, 10'000), seen);
  EXPECT_LE(decoder.held_bytes(), 45'000u);
  EXPECT_TRUE(seen.empty());
}

TEST(WsDecoder, UsesNoMemoryAfterACloseInsideAMessage) {
  WsDecoder decoder(1 << 20);
  SeenEvents seen;
  test::FeedPiece(decoder, Masked(WsOpcode::kText, std::string(5'000, 'x'), false), seen);
  EXPECT_GE(decoder.held_bytes(), 5'000u);
  test::FeedPiece(decoder, Masked(WsOpcode::kClose, ""), seen);
  EXPECT_EQ(seen, (SeenEvents{{Kind::kClose, "", kWsNoCode}}));
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

TEST(WsDecoder, TheLastEventConsumesTheRestOfTheInput) {
  for (const std::string& last :
       {Masked(WsOpcode::kClose, ""), Masked(WsOpcode::kText, "\xFF"), Bytes({0xF1})}) {
    std::string bytes = last + Masked(WsOpcode::kText, "late");
    WsDecoder decoder(1024);
    std::span<char> input(bytes);
    EXPECT_NE(decoder.Next(input).kind, Kind::kNeedMore);
    EXPECT_TRUE(input.empty());
    std::string later = Masked(WsOpcode::kText, "later");
    input = later;
    EXPECT_EQ(decoder.Next(input).kind, Kind::kNeedMore);
    EXPECT_TRUE(input.empty());
  }
}

TEST(WsDecoder, UsesNoMemoryAfterAFailure) {
  WsDecoder decoder(1 << 20);
  SeenEvents seen;
  test::FeedPiece(decoder, Masked(WsOpcode::kText, std::string(5'000, 'x'), false), seen);
  test::FeedPiece(decoder, Masked(WsOpcode::kText, "x"), seen);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].kind, Kind::kError);
  EXPECT_EQ(decoder.held_bytes(), 0u);
}

// --- out

TEST(WsEncoder, PayloadOfReturnsTheEncodedPayload) {
  for (const size_t size : {size_t{0}, size_t{125}, size_t{126}, size_t{65535}, size_t{65536}}) {
    const std::string payload(size, 'x');
    const SharedBytes frame = EncodeText(payload);
    EXPECT_EQ(PayloadOf(frame), payload) << size;
    EXPECT_EQ(frame.size() - size, size < 126 ? 2u : size < 65536 ? 4u : 10u);
  }
  EXPECT_EQ(PayloadOf(SharedBytes()), "");
}

TEST(WsEncoder, ControlPayloadsAreCutToTheFrameLimit) {
  const std::string longest(125, 'x');
  EXPECT_EQ(EncodePing(longest + "y").view(), Bytes({0x89, 125}) + longest);
  EXPECT_EQ(EncodePong(longest + "y").view(), Bytes({0x8A, 125}) + longest);
}

TEST(WsEncoder, WritesTheCloseCodeAndReason) {
  EXPECT_EQ(EncodeClose(1000, "").view(), Bytes({0x88, 0x02, 0x03, 0xE8}));
  EXPECT_EQ(EncodeClose(4008, "slow").view(), Bytes({0x88, 0x06, 0x0F, 0xA8}) + "slow");
  EXPECT_EQ(EncodeClose(kWsNoCode, "ignored").view(), Bytes({0x88, 0x00}));
}

TEST(WsEncoder, ALongReasonIsCutBetweenCodePoints) {
  const std::string fits(123, 'x');
  EXPECT_EQ(EncodeClose(1000, fits).view().substr(4), fits);
  EXPECT_EQ(EncodeClose(1000, fits + "y").view().substr(4), fits);
  const std::string reason = std::string(121, 'x') + "\xE2\x82\xAC";
  EXPECT_EQ(EncodeClose(1000, reason).view().substr(4), std::string(121, 'x'));
}

}  // namespace
}  // namespace parley
