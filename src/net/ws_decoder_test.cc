// The decoder's events do not depend on how the network splits the bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "net/ws_frame.h"
#include "test/support/ws_client_frame.h"

namespace parley {
namespace {

using test::ClientFrame;
using test::Decode;
using test::DecodeByteByByte;
using test::DecodeCut;
using test::Masked;
using test::SeenEvents;
using Kind = WsEvent::Kind;

constexpr size_t kLimit = 2000;

std::string CloseWith(uint16_t code, std::string_view reason) {
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xFF);
  payload += reason;
  return Masked(WsOpcode::kClose, payload);
}

struct Conversation {
  const char* what;
  std::string bytes;
};

std::vector<Conversation> Conversations() {
  const std::string greek = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5 \xF0\x9F\x98\x80";
  const std::string text = Masked(WsOpcode::kText, "Hello, " + greek);
  const std::string fragments =
      Masked(WsOpcode::kText, greek.substr(0, 4), false) + Masked(WsOpcode::kPing, "between") +
      Masked(WsOpcode::kContinuation, "", false) + Masked(WsOpcode::kContinuation, greek.substr(4));
  std::string one_byte_fragments;
  for (size_t i = 0; i < greek.size(); ++i) {
    one_byte_fragments += Masked(i == 0 ? WsOpcode::kText : WsOpcode::kContinuation,
                                 greek.substr(i, 1), i + 1 == greek.size());
  }
  const std::string unmasked("\x81\x02hi", 4);
  return {
      {"empty messages", Masked(WsOpcode::kText, "") + Masked(WsOpcode::kBinary, "")},
      {"a text", text},
      {"a message with a 16-bit length",
       Masked(WsOpcode::kBinary, std::string(300, '\xFF')) + text},
      {"fragments with a ping between", fragments + text},
      {"fragments of one byte", one_byte_fragments + text},
      {"pings, pongs and a close", Masked(WsOpcode::kPing, "") + Masked(WsOpcode::kPong, "abc") +
                                       text + CloseWith(4001, greek) + text},
      {"a close without a code", text + Masked(WsOpcode::kClose, "") + text},
      {"a close with half a code", text + Masked(WsOpcode::kClose, "\x03")},
      {"a close with a forbidden code", text + CloseWith(1006, "")},
      {"a close with a bad reason", text + CloseWith(1000, "\xFF")},
      {"no mask", text + unmasked},
      {"a reserved bit", fragments + "\xC1 and more"},
      {"an unknown opcode", text + "\x83 and more"},
      {"a continuation of nothing", text + Masked(WsOpcode::kContinuation, "x") + text},
      {"a message in a message", Masked(WsOpcode::kText, "x", false) + text},
      {"a fragmented ping", text + Masked(WsOpcode::kPing, "x", false)},
      {"a long ping", text + Masked(WsOpcode::kPing, std::string(130, 'x'))},
      {"bad UTF-8", text + Masked(WsOpcode::kText, "bad \xED\xA0\x80 text") + text},
      {"bad UTF-8 over fragments", Masked(WsOpcode::kText, "bad \xF4", false) +
                                       Masked(WsOpcode::kContinuation, "\x90\x80\x80") + text},
      {"UTF-8 cut short", Masked(WsOpcode::kText, greek.substr(0, greek.size() - 1)) + text},
      {"too big", text + Masked(WsOpcode::kBinary, std::string(kLimit + 1, 'x'))},
      {"too big over fragments", Masked(WsOpcode::kBinary, std::string(kLimit - 10, 'x'), false) +
                                     Masked(WsOpcode::kContinuation, std::string(11, 'x'))},
      {"a header cut short", text + Masked(WsOpcode::kBinary, std::string(300, 'x')).substr(0, 5)},
      {"a message cut short", text + Masked(WsOpcode::kText, "not all of it").substr(0, 10)},
  };
}

// Proves: RFC 6455
TEST(WsDecoderCuts, EverySplitInTwoGivesTheSameEvents) {
  for (const Conversation& c : Conversations()) {
    const SeenEvents whole = Decode(c.bytes, kLimit);
    for (size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      ASSERT_EQ(DecodeCut(c.bytes, std::array{cut}, kLimit), whole) << c.what << " cut at " << cut;
    }
  }
}

TEST(WsDecoderCuts, ByteByByteGivesTheSameEvents) {
  for (const Conversation& c : Conversations()) {
    ASSERT_EQ(DecodeByteByByte(c.bytes, kLimit), Decode(c.bytes, kLimit)) << c.what;
  }
}

// Well-formed conversations of random shape, with the expected events.
struct RandomConversation {
  std::string bytes;
  SeenEvents expected;
};

std::string RandomText(std::mt19937& random, size_t size) {
  constexpr std::string_view kPoints[] = {"a", "z ", "\xC3\xA9", "\xE2\x82\xAC",
                                          "\xF0\x9F\x98\x80"};
  std::string text;
  while (text.size() < size) text += kPoints[random() % std::size(kPoints)];
  return text;
}

RandomConversation MakeRandomConversation(std::mt19937& random) {
  RandomConversation made;
  const auto add = [&](WsOpcode opcode, std::string payload, bool fin) {
    ClientFrame frame{.opcode = opcode, .payload = std::move(payload), .fin = fin};
    for (uint8_t& byte : frame.mask) byte = static_cast<uint8_t>(random());
    made.bytes += frame.Bytes();
  };
  const size_t messages = 1 + random() % 6;
  for (size_t i = 0; i < messages; ++i) {
    const bool text = random() % 2 == 0;
    const size_t sizes[] = {0, 1, random() % 20, 120 + random() % 12, 500, 70'000};
    const std::string payload = RandomText(random, sizes[random() % (i == 0 ? 6 : 5)]);
    WsOpcode opcode = text ? WsOpcode::kText : WsOpcode::kBinary;
    size_t at = 0;
    while (random() % 3 != 0) {
      const size_t size = random() % (payload.size() - at + 1);
      add(opcode, payload.substr(at, size), false);
      opcode = WsOpcode::kContinuation;
      at += size;
      if (random() % 3 == 0) {
        const std::string ping(random() % 126, 'p');
        add(WsOpcode::kPing, ping, true);
        made.expected.push_back({Kind::kPing, ping});
      }
    }
    add(opcode, payload.substr(at), true);
    made.expected.push_back({text ? Kind::kText : Kind::kBinary, payload});
  }
  return made;
}

std::vector<size_t> RandomCuts(std::mt19937& random, size_t size) {
  std::vector<size_t> cuts(random() % 20);
  for (size_t& cut : cuts) cut = random() % (size + 1);
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

TEST(WsDecoderCuts, RandomMessagesAreDecodedForAnySplit) {
  std::mt19937 random(6455);
  for (int round = 0; round < 1'500; ++round) {
    const RandomConversation made = MakeRandomConversation(random);
    ASSERT_EQ(Decode(made.bytes), made.expected) << "round " << round;
    const auto cuts = RandomCuts(random, made.bytes.size());
    ASSERT_EQ(DecodeCut(made.bytes, cuts), made.expected) << "round " << round;
  }
}

TEST(WsDecoderCuts, RandomDamageGivesTheSameErrorForAnySplit) {
  std::mt19937 random(1002);
  size_t refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = MakeRandomConversation(random).bytes.substr(0, 3'000);
    for (size_t i = 0; i < 1 + random() % 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const SeenEvents whole = Decode(bytes, kLimit);
    if (!whole.empty() && whole.back().kind == Kind::kError) ++refused;
    ASSERT_EQ(DecodeCut(bytes, RandomCuts(random, bytes.size()), kLimit), whole)
        << "round " << round;
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace parley
