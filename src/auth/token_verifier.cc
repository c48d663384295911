#include "auth/token_verifier.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "auth/base64url.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kJsonDepth = 8;
constexpr size_t kLongestKeyId = 64;
constexpr double kLargestTime = 9007199254740992.0;  // 2^53: what a double holds exactly
constexpr std::string_view kServiceScope = "messaging:service";

tl::unexpected<Error> Refused(std::string why) {
  return Fail(ErrorCode::not_authenticated, std::move(why));
}

// No key twice, at any depth: readers that differ on which one counts are how tokens are smuggled.
bool KeysAreUnique(dom::element element) {
  dom::array array;
  if (element.get(array) == simdjson::SUCCESS) {
    for (const dom::element item : array) {
      if (!KeysAreUnique(item)) return false;
    }
    return true;
  }
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return true;
  std::unordered_set<std::string_view> seen;
  for (const auto& [key, value] : object) {
    if (!seen.insert(key).second || !KeysAreUnique(value)) return false;
  }
  return true;
}

class Json {
 public:
  // False: not a JSON object in strict UTF-8.
  bool Parse(const std::string& text) {
    if (text.starts_with("\xEF\xBB\xBF")) return false;
    if (parser_.allocate(text.size() + 1, kJsonDepth + 1) != simdjson::SUCCESS) return false;
    dom::element root;
    if (parser_.parse(text).get(root) != simdjson::SUCCESS) return false;
    return root.get(object_) == simdjson::SUCCESS && KeysAreUnique(root);
  }
  bool Has(const char* name) const { return Find(name).has_value(); }
  std::optional<dom::element> Find(const char* name) const {
    dom::element element;
    if (object_.at_key(name).get(element) != simdjson::SUCCESS) return std::nullopt;
    return element;
  }
  std::optional<std::string> Text(const char* name) const {
    const auto element = Find(name);
    std::string_view text;
    if (!element || element->get(text) != simdjson::SUCCESS) return std::nullopt;
    return std::string(text);
  }

 private:
  dom::parser parser_;
  dom::object object_;
};

// NumericDate (RFC 7519 §2) as microseconds: an integer or a finite double in 0..2^53 seconds.
std::optional<int64_t> TimeFrom(dom::element element) {
  double seconds;
  if (!element.is_number() || element.get(seconds) != simdjson::SUCCESS) return std::nullopt;
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLargestTime) return std::nullopt;
  return static_cast<int64_t>(std::min(seconds, 9e12) * 1e6);
}

// A media type, so its case does not count (RFC 7519 §5.1).
bool IsJwtType(std::string_view type) {
  return std::ranges::equal(type, std::string_view("jwt"),
                            [](char a, char b) { return (a | 0x20) == b; });
}

Result<void> CheckHeader(const Json& header) {
  if (header.Has("crit") || header.Has("b64")) return Refused("The token asks for extensions.");
  if (header.Has("typ") && !IsJwtType(header.Text("typ").value_or(""))) {
    return Refused("The token is of another kind than JWT.");
  }
  if (header.Has("kid")) {
    const auto kid = header.Text("kid");
    if (!kid || kid->size() > kLongestKeyId) return Refused("The token's kid is malformed.");
  }
  return {};
}

// A signature is tried with the keys that its kid names, or with all where it has none.
Result<void> CheckSignature(const Json& header, std::string_view text, std::string_view signature,
                            KeyRing& ring) {
  const auto algorithm = header.Text("alg");
  const auto kid = header.Text("kid");
  bool ours = false, named = false;
  const auto keys = ring.keys();
  for (const auto& [name, key] : *keys) {
    if (key.algorithm() != algorithm) continue;
    ours = true;
    if (kid && !name.empty() && name != *kid) continue;
    named = true;
    if (key.Verify(text, signature)) return {};
  }
  if (kid && !named) ring.Miss();
  if (!ours && !keys->empty()) return Refused("The token's algorithm is not ours.");
  return Refused(named ? "The token's signature is wrong." : "The token's key is not known.");
}

Result<UserId> UserFrom(const Json& claims) {
  if (const auto claim = claims.Find("user_id")) {
    int64_t number;
    if (claim->is_int64() && claim->get(number) == simdjson::SUCCESS) return std::to_string(number);
    std::string_view text;
    if (claim->get(text) == simdjson::SUCCESS && IsUserId(text)) return UserId(text);
    return Refused("The token's user_id is malformed.");
  }
  const auto sub = claims.Text("sub");
  if (!sub || !IsUserId(*sub)) return Refused("The token names no user.");
  return *sub;
}

bool HoldsService(const Json& claims) {
  const auto scope = claims.Find("scope");
  if (!scope) return false;
  dom::array list;
  if (scope->get(list) == simdjson::SUCCESS) {
    for (const dom::element item : list) {
      std::string_view text;
      if (item.get(text) == simdjson::SUCCESS && text == kServiceScope) return true;
    }
    return false;
  }
  std::string_view text;
  if (scope->get(text) != simdjson::SUCCESS) return false;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (word == kServiceScope) return true;
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return false;
}

bool AudienceMatches(const Json& claims, const std::vector<std::string>& wanted) {
  const auto aud = claims.Find("aud");
  if (!aud) return false;
  const auto is_wanted = [&](dom::element element) {
    std::string_view text;
    return element.get(text) == simdjson::SUCCESS &&
           std::find(wanted.begin(), wanted.end(), text) != wanted.end();
  };
  dom::array list;
  if (aud->get(list) != simdjson::SUCCESS) return is_wanted(*aud);
  for (const dom::element item : list) {
    if (is_wanted(item)) return true;
  }
  return false;
}

}  // namespace

TokenVerifier::TokenVerifier(VerifierOptions options, const Clock& clock)
    : options_(std::move(options)), rules_(options_.issuers), clock_(clock) {
  std::shared_ptr<KeyRing> ring = options_.ring;
  if (options_.key != nullptr) {
    KeyList one;
    one.push_back({"", *options_.key});
    ring = std::make_shared<KeyRing>(std::move(one));
  }
  if (ring != nullptr) rules_.push_back({options_.issuer, options_.audiences, std::move(ring)});
}

// Those of the issuer that the token names; else the last, whose own check of iss then speaks.
const IssuerRules* TokenVerifier::RulesFor(std::optional<std::string> issuer) const {
  for (const IssuerRules& rules : rules_) {
    if (issuer && rules.issuer == *issuer) return &rules;
  }
  return rules_.empty() ? nullptr : &rules_.back();
}

Result<Identity> TokenVerifier::Verify(std::string_view token) const {
  if (token.size() > options_.max_bytes) return Refused("The token is too long.");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Refused("The token is not a signed JWT.");
  }
  const auto header_text = DecodeBase64Url(token.substr(0, first));
  const auto claims_text = DecodeBase64Url(token.substr(first + 1, second - first - 1));
  const auto signature = DecodeBase64Url(token.substr(second + 1));
  Json header, claims;
  if (!header_text || !claims_text || !signature || !header.Parse(*header_text)) {
    return Refused("The token is malformed.");
  }
  if (const auto good = CheckHeader(header); !good) return Fail(good.error());
  if (!claims.Parse(*claims_text)) return Refused("The token's claims are malformed.");
  // Unproven yet: it only says which issuer's keys are asked.
  const IssuerRules* rules = RulesFor(claims.Text("iss"));
  if (rules == nullptr) return Refused("No issuer's tokens are taken.");
  const auto good = CheckSignature(header, token.substr(0, second), *signature, *rules->ring);
  if (!good) return Fail(good.error());

  const int64_t now = clock_.Now().micros, leeway = options_.leeway.count();
  const auto exp_claim = claims.Find("exp");
  const auto exp = exp_claim ? TimeFrom(*exp_claim) : std::nullopt;
  if (!exp) return Refused("The token's exp is missing or malformed.");
  Identity identity{.expires_at = {*exp + leeway}};
  for (const char* name : {"iat", "nbf"}) {
    const auto claim = claims.Find(name);
    if (!claim) continue;
    const auto time = TimeFrom(*claim);
    if (!time) return Refused(std::string("The token's ") + name + " is malformed.");
    if (*time > now + leeway) return Refused("The token is not valid yet.");
    if (name[0] == 'i') identity.issued_at = Timestamp{*time};
  }
  if (!rules->issuer.empty() && claims.Text("iss") != rules->issuer) {
    return Refused("The token's issuer is not ours.");
  }
  if (!rules->audiences.empty() && !AudienceMatches(claims, rules->audiences)) {
    return Refused("The token is for another audience.");
  }
  // A refresh token gets new access tokens; it is not one.
  if (claims.Has("token_type") && claims.Text("token_type") != "access") {
    return Refused("This is not an access token.");
  }
  const auto user = UserFrom(claims);
  if (!user) return Fail(user.error());
  identity.user = *user;
  identity.jti = claims.Text("jti").value_or("");
  identity.service = HoldsService(claims);
  if (identity.expires_at.micros <= now) {
    return Fail(ErrorCode::token_expired, "The token has expired.");
  }
  uint64_t never = 0;
  if (IsRevoked(identity, never))
    return Fail(ErrorCode::token_revoked, "The token has been revoked.");
  return identity;
}

}  // namespace parley
