#include "http/response.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

std::string Wire(const Response& response, const ResponseContext& context = {}) {
  return std::string(Serialize(response, context).view());
}
std::string BodyOf(const std::string& wire) { return wire.substr(wire.find("\r\n\r\n") + 4); }
bool Has(const std::string& wire, const std::string& line) {
  const size_t at = wire.find("\r\n" + line + "\r\n");
  return at != std::string::npos && at <= wire.find("\r\n\r\n");
}

TEST(ResponseTest, JsonHasItsLengthAndSecurityHeaders) {
  const std::string wire = Wire(Response::Json(201, R"({"a":1})"));
  EXPECT_TRUE(wire.starts_with("HTTP/1.1 201 Created\r\nDate: ")) << wire;
  EXPECT_TRUE(Has(wire, "Content-Type: application/json"));
  EXPECT_TRUE(Has(wire, "Content-Length: 7"));
  EXPECT_TRUE(Has(wire, "X-Content-Type-Options: nosniff"));
  EXPECT_TRUE(Has(wire, "Referrer-Policy: no-referrer"));
  EXPECT_TRUE(Has(wire, "Cache-Control: no-store"));
  EXPECT_EQ(wire.find("Connection:"), std::string::npos);
  EXPECT_EQ(wire.find("Server:"), std::string::npos);
  EXPECT_EQ(BodyOf(wire), R"({"a":1})");
}

TEST(ResponseTest, HeadHasTheLengthAndNoBody) {
  const std::string wire = Wire(Response::Json(200, "12345"), {.head_only = true});
  EXPECT_TRUE(Has(wire, "Content-Length: 5"));
  EXPECT_EQ(BodyOf(wire), "");
}

TEST(ResponseTest, NoContentHasNeitherLengthNorType) {
  const std::string wire = Wire(Response::NoContent());
  EXPECT_TRUE(wire.starts_with("HTTP/1.1 204 No Content\r\n"));
  EXPECT_EQ(wire.find("Content-"), wire.find("X-Content-Type-Options") + 2);
  EXPECT_EQ(BodyOf(wire), "");
}

TEST(ResponseTest, AnEmptyBodyStillHasALength) {
  EXPECT_TRUE(Has(Wire(Response::Json(200, "")), "Content-Length: 0"));
}

TEST(ResponseTest, TheConnectionHeaderIsSentIfItDiffersFromTheDefault) {
  EXPECT_TRUE(Has(Wire(Response::Json(200, ""), {.keep_alive = false}), "Connection: close"));
  EXPECT_TRUE(Has(Wire(Response::Json(200, ""), {.http_1_0 = true}), "Connection: keep-alive"));
  EXPECT_TRUE(Has(Wire(Response::Json(200, ""), {.keep_alive = false, .http_1_0 = true}),
                  "Connection: close"));
}

TEST(ResponseTest, AHeaderWithALineBreakIsOmitted) {
  Response response = Response::Json(200, "");
  response.headers = {{"X-Good", "yes"},
                      {"X-Cr", "a\rb"},
                      {"X-Lf", "a\nSet-Cookie: b"},
                      {"X-Nul", std::string("a\0b", 3)}};
  const std::string wire = Wire(response);
  EXPECT_TRUE(Has(wire, "X-Good: yes"));
  for (const char* bad : {"X-Cr", "X-Lf", "X-Nul", "Set-Cookie"}) {
    EXPECT_EQ(wire.find(bad), std::string::npos) << bad;
  }
}

TEST(ResponseTest, ARouteMaySetItsOwnCaching) {
  Response response = Response::Json(200, "");
  response.headers = {{"Cache-Control", "max-age=60"}};
  const std::string wire = Wire(response);
  EXPECT_TRUE(Has(wire, "Cache-Control: max-age=60"));
  EXPECT_EQ(wire.find("no-store"), std::string::npos);
}

// Proves: error body
TEST(ProblemTest, HasOneShapeEverywhere) {
  const Response response = Response::Problem(Error::NotFound());
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body,
            R"({"type":"urn:parley:error:not_found","title":"Not Found","status":404,)"
            R"("detail":"Not found.","code":"not_found","error":"Not found."})");
  EXPECT_TRUE(response.headers.empty());
}

TEST(ProblemTest, NamesEveryInvalidField) {
  Error error = Error::Field("topic", "Is \"long\".");
  error.fields.emplace_back("type", "Is unknown.");
  error.fields.emplace_back("topic", "Is old.");
  const std::string body = Response::Problem(error).body;
  EXPECT_NE(body.find(R"("fields":{"topic":["Is \"long\".","Is old."],"type":["Is unknown."]})"
                      R"(,"topic":["Is \"long\".","Is old."]})"),
            std::string::npos)
      << body;
}

TEST(ProblemTest, AnInvalidFieldNeverReplacesAMember) {
  for (const char* name : {"type", "title", "status", "detail", "code", "error", "fields", "reason",
                           "messages", "instance"}) {
    const std::string body = Response::Problem(Error::Field(name, "Is wrong.")).body;
    const std::string member = "\"" + std::string(name) + "\":[\"Is wrong.\"]";
    EXPECT_EQ(body.find(member), body.rfind(member)) << body;
  }
}

TEST(ProblemTest, AnInvalidTokenHasTheMessagesOfSimpleJwt) {
  const std::string body = Response::Problem({.code = ErrorCode::token_not_valid,
                                              .detail = "The token has expired.",
                                              .reason = "token_expired"})
                               .body;
  EXPECT_EQ(body,
            R"({"type":"urn:parley:error:token_not_valid","title":"Unauthorized","status":401,)"
            R"("detail":"The token has expired.","code":"token_not_valid",)"
            R"("error":"The token has expired.","reason":"token_expired",)"
            R"("messages":[{"token_class":"AccessToken","token_type":"access",)"
            R"("message":"The token has expired."}]})");
}

TEST(ProblemTest, HasRetryAfterAndAuthenticateHeaders) {
  const std::string denied =
      Wire(Response::Problem({.code = ErrorCode::not_authenticated, .detail = "No token."}));
  EXPECT_TRUE(denied.starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_TRUE(Has(denied, "WWW-Authenticate: Bearer"));

  Error later = Error::StoreUnavailable();
  for (const auto& [wait, seconds] :
       {std::pair{1, "1"}, {1000, "1"}, {1001, "2"}, {0, "1"}, {60'000, "60"}}) {
    later.retry_after = std::chrono::milliseconds(wait);
    const std::string wire = Wire(Response::Problem(later));
    EXPECT_TRUE(wire.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_TRUE(Has(wire, std::string("Retry-After: ") + seconds)) << wait;
  }
}

TEST(ProblemTest, EveryCodeHasAStatusWithAReason) {
  constexpr ErrorCode kCodes[] = {
#define PARLEY_ERROR(name, http_status, meaning) ErrorCode::name,
#include "base/error_codes.def"
#undef PARLEY_ERROR
  };
  for (const ErrorCode code : kCodes) {
    const Response response = Response::Problem({.code = code, .detail = "d"});
    EXPECT_EQ(response.status, HttpStatus(code));
    EXPECT_EQ(response.body.find("Unknown"), std::string::npos) << response.body;
    EXPECT_EQ(response.body.find("\"title\":\"\""), std::string::npos) << response.body;
    EXPECT_NE(response.body.find("\"code\":\"" + std::string(Name(code)) + "\""),
              std::string::npos);
  }
}

}  // namespace
}  // namespace parley
