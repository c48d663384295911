#include "http/request_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parley {
namespace {

using Kind = RequestReader::Kind;

constexpr size_t kHeaderLimit = 1024;

// The results as text: "GET /a", "body:abc", "end", "error 400".
std::vector<std::string> Read(std::string_view input, size_t piece_size = std::string_view::npos) {
  RequestReader reader(kHeaderLimit);
  std::vector<std::string> seen;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, piece_size);
    input.remove_prefix(piece.size());
    for (bool more = true; more;) {
      const auto event = reader.Next(piece);
      EXPECT_LE(reader.held_bytes(), 2 * kHeaderLimit);
      switch (event.kind) {
        case Kind::kNeedMore:
          EXPECT_TRUE(piece.empty());
          more = false;
          break;
        case Kind::kHeader: {
          const BeastRequest message = reader.TakeHeader();
          seen.push_back(std::string(message.method_string()) + " " +
                         std::string(message.target()));
          break;
        }
        case Kind::kBody:
          if (seen.back().starts_with("body:")) {
            seen.back().append(event.body);
          } else {
            seen.push_back("body:" + std::string(event.body));
          }
          break;
        case Kind::kEnd:
          seen.emplace_back("end");
          EXPECT_FALSE(reader.in_request());
          break;
        case Kind::kError:
          seen.push_back("error " + std::to_string(HttpStatus(reader.fault().error.code)));
          return seen;
      }
    }
  }
  return seen;
}

using Seen = std::vector<std::string>;

void ExpectEverywhere(const std::string& input, const Seen& wanted) {
  for (const size_t piece :
       {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{64}, size_t{10000}}) {
    EXPECT_EQ(Read(input, piece), wanted) << input << "\nin pieces of " << piece;
  }
}

TEST(RequestReaderTest, PipelinedRequestsAreReadInOrder) {
  ExpectEverywhere(
      "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na\nc"
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
      "GET /d HTTP/1.1\r\nHost: a\r\n\r\n",
      {"GET /a", "end", "POST /b", "body:a\nc", "end", "POST /c", "body:abc", "end", "GET /d",
       "end"});
}

TEST(RequestReaderTest, EmptyLinesBeforeARequestAreIgnored) {
  ExpectEverywhere(
      "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
      {"GET /a", "end", "GET /b", "end"});
}

// RFC 9110 §6.5.1: a trailer field must not act as a header field.
TEST(RequestReaderTest, TrailersAreNotPartOfTheRequest) {
  const std::string input =
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
      "Authorization: Bearer x\r\nX-On-Behalf-Of: u\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
  ExpectEverywhere(input, {"POST /a", "body:x", "end", "GET /b", "end"});
  RequestReader reader(kHeaderLimit);
  std::string_view rest = input;
  ASSERT_EQ(reader.Next(rest).kind, Kind::kHeader);
  const BeastRequest message = reader.TakeHeader();
  while (reader.Next(rest).kind != Kind::kEnd) {
  }
  EXPECT_EQ(message.count("Authorization"), 0u);
  EXPECT_EQ(message.count("X-On-Behalf-Of"), 0u);
}

TEST(RequestReaderTest, AnAmbiguousLengthIsAnError) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const char* headers :
       {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n", "Content-Length: \r\n", "Transfer-Encoding: gzip\r\n",
        "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"}) {
    ExpectEverywhere(post + headers + "\r\nx", {"error 400"});
  }
  ExpectEverywhere("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {"error 400"});
}

TEST(RequestReaderTest, ABareLineFeedIsAnErrorAtOnce) {
  ExpectEverywhere("GET / HTTP/1.1\n", {"error 400"});
  ExpectEverywhere("GET / HTTP/1.1\r\nHost: a\nX", {"error 400"});
}

TEST(RequestReaderTest, HeaderSectionsAreBounded) {
  ExpectEverywhere("GET / HTTP/1.1\r\nA: " + std::string(kHeaderLimit, 'a'), {"error 431"});
  ExpectEverywhere("GET / HTTP/1.1\r\nA: " + std::string(kHeaderLimit, 'a') + "\r\n\r\n",
                   {"error 431"});
}

TEST(RequestReaderTest, InputAfterAMalformedBodyIsNotParsed) {
  RequestReader reader(kHeaderLimit);
  std::string_view input =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nGET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(reader.Next(input).kind, Kind::kHeader);
  ASSERT_EQ(reader.Next(input).kind, Kind::kError);
  EXPECT_FALSE(reader.fault().drain);
  EXPECT_EQ(reader.Next(input).kind, Kind::kNeedMore);
  EXPECT_TRUE(input.empty());
}

}  // namespace
}  // namespace parley
