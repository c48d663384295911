#include "http/chunked_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

using Piece = ChunkedDecoder::Kind;

struct Decoded {
  Piece end = Piece::kNeedMore;
  std::string data;
  std::string rest;  // input after the end
  bool operator==(const Decoded&) const = default;
};

Decoded Decode(std::string_view input, size_t piece_size = std::string_view::npos) {
  ChunkedDecoder decoder;
  Decoded decoded;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, piece_size);
    input.remove_prefix(piece.size());
    while (true) {
      const auto next = decoder.Next(piece);
      decoded.end = next.kind;
      if (next.kind != Piece::kData) break;
      EXPECT_FALSE(next.data.empty());
      decoded.data += next.data;
    }
    if (decoded.end == Piece::kError) return decoded;
    if (decoded.end == Piece::kEnd) {
      decoded.rest = std::string(piece) + std::string(input);
      return decoded;
    }
  }
  return decoded;
}

void ExpectEverywhere(std::string_view input, const Decoded& wanted) {
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1000}}) {
    EXPECT_EQ(Decode(input, piece), wanted) << input << " in pieces of " << piece;
  }
}

TEST(ChunkedDecoderTest, ChunksAreJoined) {
  ExpectEverywhere("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\nGET", {Piece::kEnd, "abcde", "GET"});
  ExpectEverywhere("0\r\n\r\n", {Piece::kEnd, "", ""});
  ExpectEverywhere("A\r\n0123456789\r\n0a\r\n0123456789\r\n00\r\n\r\n",
                   {Piece::kEnd, "01234567890123456789", ""});
}

TEST(ChunkedDecoderTest, ExtensionsAndTrailersAreDropped) {
  ExpectEverywhere("2;a=b;c=\"d e\"\r\nab\r\n0;last\r\nAuthorization: Bearer x\r\nB:\r\n\r\nnext",
                   {Piece::kEnd, "ab", "next"});
}

TEST(ChunkedDecoderTest, AMalformedEncodingIsAnError) {
  for (const char* input : {"\r\n",
                            "g\r\n",
                            "0x2\r\n",
                            "+2\r\n",
                            "-2\r\n",
                            " 2\r\n",
                            "2 \r\n",
                            "2\n",
                            "2\r\r",
                            "2\r\nab\n",
                            "2\r\nabc",
                            "2\r\nab0\r\n",
                            "2;\x01\r\n",
                            "2;a\nb\r\n",
                            "2;a\rb",
                            "10000000000000002\r\n",
                            "ffffffffffffffff\r\n",
                            "0\r\nA B: 1\r\n",
                            "0\r\nA\r\n",
                            "0\r\n: 1\r\n",
                            "0\r\n A: 1\r\n",
                            "0\r\nA: \x01\r\n",
                            "0\r\nA: 1\n",
                            "0\r\n\n",
                            "0\r\n\r\r"}) {
    for (const size_t piece : {size_t{1}, size_t{1000}}) {
      EXPECT_EQ(Decode(input, piece).end, Piece::kError) << input;
    }
  }
}

TEST(ChunkedDecoderTest, DecodingStopsAtAnError) {
  ChunkedDecoder decoder;
  std::string_view input = "x";
  EXPECT_EQ(decoder.Next(input).kind, Piece::kError);
  input = "2\r\nab\r\n";
  EXPECT_EQ(decoder.Next(input).kind, Piece::kError);
}

TEST(ChunkedDecoderTest, LinesAndSectionsAreBounded) {
  const auto end = [](const std::string& input) { return Decode(input, 4096).end; };
  EXPECT_EQ(end("1;" + std::string(ChunkedDecoder::kMaxLine, 'a')), Piece::kError);
  EXPECT_EQ(end(std::string(ChunkedDecoder::kMaxLine + 1, '0')), Piece::kError);
  EXPECT_EQ(end("1;" + std::string(ChunkedDecoder::kMaxLine - 4, 'a') + "\r\nx\r\n0\r\n\r\n"),
            Piece::kEnd);
  EXPECT_EQ(end("0\r\nA: " + std::string(ChunkedDecoder::kMaxTrailers, 'a')), Piece::kError);
  EXPECT_EQ(end("0\r\n" + std::string(ChunkedDecoder::kMaxTrailers + 1, 'a')), Piece::kError);
  std::string many_lines = "0\r\n";
  while (many_lines.size() < ChunkedDecoder::kMaxTrailers + 100) many_lines += "A: 1\r\n";
  EXPECT_EQ(end(many_lines), Piece::kError);
  std::string many_extensions;
  for (int i = 0; i < 100; ++i) many_extensions += "1;" + std::string(1000, 'a') + "\r\nx\r\n";
  EXPECT_EQ(end(many_extensions), Piece::kError);
}

}  // namespace
}  // namespace parley
