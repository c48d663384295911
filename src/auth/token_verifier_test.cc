#include "auth/token_verifier.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "auth/base64url.h"
#include "auth/verifier_test_base.h"

namespace parley {
namespace {

using std::string_literals::operator""s;

constexpr const char* kHeader = R"({"alg":"HS256","typ":"JWT"})";

// A correctly signed token with any header and claims.
std::string Sign(const std::string& header, const std::string& claims, const Key& key) {
  const std::string signed_part = EncodeBase64Url(header) + "." + EncodeBase64Url(claims);
  return signed_part + "." + EncodeBase64Url(*key.Sign(signed_part));
}
std::string WithHeader(const std::string& header) {
  return Sign(header, R"({"token_type":"access","exp":1700000100,"user_id":"ann"})", *SecretKey());
}
std::string WithClaims(const std::string& claims) { return Sign(kHeader, claims, *SecretKey()); }
// Valid claims, and these.
std::string And(const std::string& more) {
  return WithClaims(R"({"token_type":"access","exp":1700000100,"user_id":"ann",)" + more + "}");
}
// Valid claims except for the expiry.
std::string Expiring(const std::string& exp) {
  return WithClaims(R"({"token_type":"access","user_id":"ann","exp":)" + exp + "}");
}
std::string OfUser(const std::string& claims) {
  return WithClaims(R"({"token_type":"access","exp":1700000100,)" + claims + "}");
}
std::string Nested(size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); }

// --- what PyJWT and Parley make of the same token, row by row

struct Row {
  std::string input;
  bool accepted;  // by us
  std::string token;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.input; }

class TableTest : public VerifierTest, public testing::WithParamInterface<Row> {};

TEST_P(TableTest, ATokenIsAcceptedOrRejectedAsInItsRow) {
  const Row& row = GetParam();
  EXPECT_EQ(Refusal(row.token).empty(), row.accepted) << row.input;
}

std::vector<Row> Rows(std::initializer_list<Row> rows) { return rows; }

const std::vector<Row> kHeaders = Rows({
    {"alg right", true, WithHeader(kHeader)},
    {"alg missing", false, WithHeader(R"({"typ":"JWT"})")},
    {"alg none", false, WithHeader(R"({"alg":"none"})")},
    {"alg of other case", false, WithHeader(R"({"alg":"hs256"})")},
    {"alg a list", false, WithHeader(R"({"alg":["HS256"]})")},
    {"alg null", false, WithHeader(R"({"alg":null})")},
    {"alg another HMAC", false, WithHeader(R"({"alg":"HS512"})")},
    {"alg with a NUL", false, WithHeader(R"({"alg":"HS256\u0000"})")},
    {"alg spelt with escapes", true, WithHeader(R"({"alg":"\u0048S256"})")},
    {"crit unknown", false, WithHeader(R"({"alg":"HS256","crit":["exp"],"exp":1})")},
    {"crit empty", false, WithHeader(R"({"alg":"HS256","crit":[]})")},
    {"crit null", false, WithHeader(R"({"alg":"HS256","crit":null})")},
    {"b64 false", false, WithHeader(R"({"alg":"HS256","b64":false,"crit":["b64"]})")},
    {"b64 true", false, WithHeader(R"({"alg":"HS256","b64":true})")},
    {"kid text", true, WithHeader(R"({"alg":"HS256","kid":"2026-11"})")},
    {"kid like a path", true, WithHeader(R"({"alg":"HS256","kid":"../../../dev/null"})")},
    {"kid a number", false, WithHeader(R"({"alg":"HS256","kid":7})")},
    {"kid null", false, WithHeader(R"({"alg":"HS256","kid":null})")},
    {"kid of 64", true, WithHeader(R"({"alg":"HS256","kid":")" + std::string(64, 'k') + "\"}")},
    {"kid of 65", false, WithHeader(R"({"alg":"HS256","kid":")" + std::string(65, 'k') + "\"}")},
    {"jwk, jku, x5u, x5c", true,
     WithHeader(R"({"alg":"HS256","jwk":{"kty":"oct","k":"QQ"},"jku":"http://localhost/",)"
                R"("x5u":"file:///etc/passwd","x5c":["QQ"]})")},
    {"typ absent", true, WithHeader(R"({"alg":"HS256"})")},
    {"typ in lower case", true, WithHeader(R"({"alg":"HS256","typ":"jwt"})")},
    {"typ of RFC 9068", true, WithHeader(R"({"alg":"HS256","typ":"at+jwt"})")},
    {"typ of RFC 9068 as a media type", true,
     WithHeader(R"({"alg":"HS256","typ":"Application/AT+JWT"})")},
    {"typ JWT as a media type", true, WithHeader(R"({"alg":"HS256","typ":"application/jwt"})")},
    {"typ of another token", false, WithHeader(R"({"alg":"HS256","typ":"secevent+jwt"})")},
    {"typ JOSE", false, WithHeader(R"({"alg":"HS256","typ":"JOSE"})")},
    {"typ empty", false, WithHeader(R"({"alg":"HS256","typ":""})")},
    {"typ with a control character", false, WithHeader(R"({"alg":"HS256","typ":"\u002aWT"})")},
    {"typ a number", false, WithHeader(R"({"alg":"HS256","typ":1})")},
    {"typ null", false, WithHeader(R"({"alg":"HS256","typ":null})")},
    {"duplicate alg", false, WithHeader(R"({"alg":"HS256","alg":"HS256"})")},
    {"duplicate hidden by an escape", false, WithHeader(R"({"alg":"HS256","\u0061lg":"none"})")},
    {"header a list", false, WithHeader(R"(["HS256"])")},
    {"header empty", false, WithHeader("")},
    {"header not JSON", false, WithHeader("{alg:HS256}")},
    {"header with BOM", false, WithHeader("\xEF\xBB\xBF"s + kHeader)},
    {"header with text after it", false, WithHeader(kHeader + "x"s)},
    {"header not UTF-8", false, WithHeader("{\"alg\":\"HS256\",\"x\":\"\xFF\"}")},
});
INSTANTIATE_TEST_SUITE_P(Headers, TableTest, testing::ValuesIn(kHeaders));

const std::string kGood = WithClaims(R"({"token_type":"access","exp":1700000100,"user_id":"ann"})");
const size_t kDot1 = kGood.find('.'), kDot2 = kGood.rfind('.');

std::string LastCharacterMoved() {  // 32 bytes leave two unused bits in the 43rd character
  std::string token = kGood;
  ++token.back();
  return token;
}
std::string WithPlus() {  // a signature that holds '-' or '_', in the other alphabet
  for (int i = 0;; ++i) {
    std::string token = And("\"n\":" + std::to_string(i));
    const size_t at = token.find_first_of("-_", token.rfind('.'));
    if (at == std::string::npos) continue;
    token[at] = token[at] == '-' ? '+' : '/';
    return token;
  }
}

const std::vector<Row> kSpellings = Rows({
    {"good", true, kGood},
    {"padded signature", false, kGood + "="},
    {"padded header", false, std::string(kGood).insert(kDot1, "=")},
    {"standard alphabet", false, WithPlus()},
    {"non-canonical last character", false, LastCharacterMoved()},
    {"newline at the end", false, kGood + "\n"},
    {"blank before", false, " " + kGood},
    {"newline in a segment", false, std::string(kGood).insert(kDot1 + 5, "\n")},
    {"NUL at the end", false, kGood + '\0'},
    {"two segments", false, kGood.substr(0, kDot2)},
    {"four segments", false, kGood + ".AAAA"},
    {"five segments", false, "e30.AA.AA.AA.AA"},
    {"empty signature", false, kGood.substr(0, kDot2 + 1)},
    {"empty claims", false, kGood.substr(0, kDot1 + 1) + kGood.substr(kDot2)},
    {"empty header", false, kGood.substr(kDot1)},
    {"nothing", false, ""},
    {"dots", false, ".."},
    {"Bearer left in", false, "Bearer " + kGood},
});
INSTANTIATE_TEST_SUITE_P(Spellings, TableTest, testing::ValuesIn(kSpellings));

const std::vector<Row> kTimes = Rows({
    {"exp whole", true, Expiring("1700000100")},
    {"exp a double", true, Expiring("1700000100.25")},
    {"exp a double with exponent", true, Expiring("1.7000001e9")},
    {"exp 2^53", true, Expiring("9007199254740992")},
    {"exp over 2^53", false, Expiring("9007199254740994")},
    {"exp 2^63", false, Expiring("9223372036854775808")},
    {"exp 10^30", false, Expiring("1" + std::string(30, '0'))},
    {"exp 1e30", false, Expiring("1e30")},
    {"exp text", false, Expiring(R"("1700000100")")},
    {"exp null", false, Expiring("null")},
    {"exp a list", false, Expiring("[1700000100]")},
    {"exp true", false, Expiring("true")},
    {"exp Infinity", false, Expiring("Infinity")},
    {"exp NaN", false, Expiring("NaN")},
    {"exp 1e400", false, Expiring("1e400")},
    {"exp negative", false, Expiring("-1")},
    {"exp missing", false, WithClaims(R"({"token_type":"access","user_id":"ann"})")},
    {"duplicate exp", false, Expiring(R"(1700000100,"exp":1700000100)")},
    {"iat now", true, And(R"("iat":1700000000)")},
    {"iat in the future", false, And(R"("iat":1700000001)")},
    {"iat text", false, And(R"("iat":"1700000000")")},
    {"iat null", false, And(R"("iat":null)")},
    {"nbf now", true, And(R"("nbf":1700000000)")},
    {"nbf now and a fraction", true, And(R"("nbf":1700000000.5)")},
    {"iat now and a fraction", true, And(R"("iat":1700000000.999)")},
    {"nbf in the future", false, And(R"("nbf":1700000001.0)")},
    {"nbf a list", false, And(R"("nbf":[])")},
});
INSTANTIATE_TEST_SUITE_P(Times, TableTest, testing::ValuesIn(kTimes));

const std::vector<Row> kClaims = Rows({
    {"claims a list", false, WithClaims("[]")},
    {"claims not JSON", false, WithClaims("user_id=ann")},
    {"claims empty", false, WithClaims("")},
    {"BOM", false, WithClaims("\xEF\xBB\xBF{\"exp\":1700000100,\"user_id\":\"ann\"}")},
    {"UTF-16", false, WithClaims("{\0\"\0e\0x\0p\0\"\0:\0001\0}\0"s)},
    {"not UTF-8", false, And("\"name\":\"\xC3\"")},
    {"a lone surrogate", false, And(R"("name":"\ud800")")},
    {"duplicate in an inner object", false, And(R"("x":{"a":1,"a":2})")},
    {"duplicate in a list's object", false, And(R"("x":[{"a":1,"a":2}])")},
    {"same key at two depths", true, And(R"("x":{"exp":1})")},
    {"depth 8", true, And(R"("x":)" + Nested(7))},
    {"depth 9", false, And(R"("x":)" + Nested(8))},
    {"depth 5000", false, WithClaims(Nested(2500))},
    {"aud but none configured", true, And(R"("aud":"others")")},
    {"aud a number but none configured", true, And(R"("aud":7)")},
    {"iss but none configured", true, And(R"("iss":"others")")},
    {"sub a number beside user_id", true, And(R"("sub":7)")},
    {"jti a number", true, And(R"("jti":7)")},
    {"hash_password", true, And(R"("hash_password":"D41D8CD98F00B204E9800998ECF8427E")")},
});
INSTANTIATE_TEST_SUITE_P(Claims, TableTest, testing::ValuesIn(kClaims));

// --- the user

struct Who {
  std::string claims;
  std::string user;  // "": refused
};
void PrintTo(const Who& who, std::ostream* out) { *out << who.claims; }

class WhoTest : public VerifierTest, public testing::WithParamInterface<Who> {};

// Proves: user ids
TEST_P(WhoTest, TheUserIsTheUserIdElseTheSubject) {
  const auto identity = Verify(OfUser(GetParam().claims));
  EXPECT_EQ(identity ? identity->user : "", GetParam().user);
}

INSTANTIATE_TEST_SUITE_P(
    Users, WhoTest,
    testing::Values(Who{R"("user_id":"ann")", "ann"}, Who{R"("user_id":42)", "42"},
                    Who{R"("user_id":"42")", "42"},
                    Who{R"("user_id":9223372036854775807)", "9223372036854775807"},
                    Who{R"("user_id":"0190b8a4-7c1e-7abc-8def-0123456789ab")",
                        "0190b8a4-7c1e-7abc-8def-0123456789ab"},
                    Who{R"("user_id":"a.b_c:d@e-f")", "a.b_c:d@e-f"},
                    Who{R"("user_id":"0190B8A4-7C1E-7ABC-8DEF-0123456789AB")",
                        "0190b8a4-7c1e-7abc-8def-0123456789ab"},
                    Who{R"("sub":"0190B8A4-7C1E-7ABC-8DEF-0123456789AB")",
                        "0190b8a4-7c1e-7abc-8def-0123456789ab"},
                    Who{R"("user_id":18446744073709551615)", "18446744073709551615"},
                    Who{R"("user_id":"auth0|5f7c")", "auth0|5f7c"}, Who{R"("sub":7)", "7"},
                    Who{R"("sub":18446744073709551615)", "18446744073709551615"},
                    Who{R"("user_id":")" + std::string(128, 'u') + "\"", std::string(128, 'u')},
                    Who{R"("sub":"bob")", "bob"}, Who{R"("sub":"bob","user_id":"ann")", "ann"},
                    Who{R"("user_id":")" + std::string(129, 'u') + "\"", ""},
                    Who{R"("user_id":"")", ""}, Who{R"("user_id":" ann")", ""},
                    Who{R"("user_id":"ann\u0000")", ""}, Who{R"("user_id":"a/b")", ""},
                    Who{R"("user_id":"..")", ""}, Who{R"("user_id":"caf\u00e9")", ""},
                    Who{R"("user_id":1.5)", ""}, Who{R"("user_id":1.0)", ""},
                    Who{R"("user_id":true)", ""}, Who{R"("user_id":["ann"])", ""},
                    Who{R"("user_id":{"id":1})", ""}, Who{R"("user_id":null)", ""},
                    Who{R"("user_id":null,"sub":"bob")", ""},
                    Who{R"("user_id":"bad id","sub":"bob")", ""}, Who{R"("sub":7.0)", ""},
                    Who{R"("sub":null)", ""}, Who{R"("sub":"")", ""}, Who{R"("name":"ann")", ""}));

// --- whether it is the backend

struct Scope {
  std::string claim;
  bool service;
};
void PrintTo(const Scope& scope, std::ostream* out) { *out << scope.claim; }

class ScopeTest : public VerifierTest, public testing::WithParamInterface<Scope> {};

// Proves: scope as text or list
TEST_P(ScopeTest, AServiceTokenNamesTheScopeAsOneWordOrItem) {
  const auto identity = Verify(And(GetParam().claim));
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->service, GetParam().service);
}

INSTANTIATE_TEST_SUITE_P(Scopes, ScopeTest,
                         testing::Values(Scope{R"("scope":"messaging:service")", true},
                                         Scope{R"("scope":"read messaging:service write")", true},
                                         Scope{R"("scope":"read  messaging:service")", true},
                                         Scope{R"("scope":["read","messaging:service"])", true},
                                         Scope{R"("scope":"")", false},
                                         Scope{R"("scope":"messaging:services")", false},
                                         Scope{R"("scope":"xmessaging:service")", false},
                                         Scope{R"("scope":"messaging:service,read")", false},
                                         Scope{R"("scope":"MESSAGING:SERVICE")", false},
                                         Scope{R"("scope":["read messaging:service"])", false},
                                         Scope{R"("scope":[["messaging:service"]])", false},
                                         Scope{R"("scope":{"messaging:service":true})", false},
                                         Scope{R"("scope":null)", false},
                                         Scope{R"("scope":[])", false},
                                         Scope{R"("scopes":"messaging:service")", false}));

}  // namespace
}  // namespace parley
