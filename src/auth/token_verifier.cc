#include "auth/token_verifier.h"

#include <algorithm>

#include "auth/base64url.h"
#include "auth/token_claims.h"
#include "auth/token_json.h"
#include "auth/token_reason.h"

namespace parley {
namespace {

constexpr size_t kLongestKeyId = 64;
// The maximum number of keys tried for one token. A larger set needs tokens with a `kid`.
constexpr size_t kKeysTried = 8;

// A media type, so its case does not count (RFC 7519 §5.1): JWT, or at+jwt (RFC 9068 §2.1), with or
// without "application/".
bool IsAcceptedType(std::string type) {
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::string_view name = type;
  constexpr std::string_view kTree = "application/";
  if (name.starts_with(kTree)) name.remove_prefix(kTree.size());
  return name == "jwt" || name == "at+jwt";
}

Result<void> CheckHeader(const TokenJson& header) {
  if (header.Has("crit") || header.Has("b64")) {
    return RefuseToken(TokenReason::extension_not_supported,
                       "The token's header has crit or b64, which are not supported.");
  }
  if (header.Has("typ") && !IsAcceptedType(header.Text("typ").value_or(""))) {
    return RefuseToken(TokenReason::type_not_accepted,
                       "The token's typ must be absent, JWT or at+jwt.");
  }
  if (header.Has("kid")) {
    const auto kid = header.Text("kid");
    if (!kid || kid->size() > kLongestKeyId) {
      return RefuseToken(TokenReason::token_malformed,
                         "The token's kid must be a string of at most 64 bytes.");
    }
  }
  return {};
}

// Verifies with the keys that the token's kid names, then with keys without a kid; a token without a kid
// is tried with every key, up to 8.
class KeySearch {
 public:
  KeySearch(const TokenJson& header, std::string_view text, std::string_view signature)
      : algorithm_(header.Text("alg")),
        kid_(header.Text("kid")),
        text_(text),
        signature_(signature) {}

  // The fingerprint of the key that verified the token.
  Result<uint64_t> Run(KeyRing& ring) {
    const auto keys = ring.keys();
    const bool verified = kid_
                              ? Try(*keys, [&](const NamedKey& key) { return key.kid == *kid_; }) ||
                                    Try(*keys, [](const NamedKey& key) { return key.kid.empty(); })
                              : Try(*keys, [](const NamedKey&) { return true; });
    if (verified) return verified_by_;
    if (tried_ == 0 || !kid_) ring.Miss();  // there may be a newer set
    if (keys->empty()) {
      return RefuseToken(TokenReason::key_not_known, "The issuer's keys could not be fetched.");
    }
    if (!ours_) {
      return RefuseToken(TokenReason::algorithm_not_accepted,
                         "The token's algorithm is not the configured algorithm.");
    }
    if (tried_ == 0) {
      return RefuseToken(TokenReason::key_not_known, "No configured key has the token's kid.");
    }
    if (left_out_) {
      return RefuseToken(TokenReason::key_not_known,
                         "The token needs a kid because the key set has more than 8 keys.");
    }
    return RefuseToken(TokenReason::signature_invalid, "The token's signature is invalid.");
  }

 private:
  template <class Wanted>
  bool Try(const KeyList& keys, Wanted wanted) {
    for (const NamedKey& key : keys) {
      if (key.key.algorithm() != algorithm_) continue;
      ours_ = true;
      if (!wanted(key)) continue;
      if (tried_ == kKeysTried) {
        left_out_ = true;
        return false;
      }
      ++tried_;
      if (key.key.Verify(text_, signature_)) {
        verified_by_ = key.key.fingerprint();
        return true;
      }
    }
    return false;
  }

  const std::optional<std::string> algorithm_, kid_;
  const std::string_view text_, signature_;
  uint64_t verified_by_ = 0;
  size_t tried_ = 0;
  bool ours_ = false;      // a key is for the token's algorithm
  bool left_out_ = false;  // a key was not tried
};

// Checks the issuer, the audience and the type of a token with a valid signature.
Result<void> CheckKind(const TokenJson& claims, const IssuerRules& rules, bool require_token_type) {
  if (!rules.issuer.empty() && claims.Text("iss") != rules.issuer) {
    return RefuseToken(TokenReason::issuer_not_accepted,
                       claims.Has("iss") ? "The token's iss claim names another issuer."
                                         : "The token has no iss claim.");
  }
  if (!rules.audiences.empty() && !AudienceMatches(claims, rules.audiences)) {
    return RefuseToken(TokenReason::audience_not_accepted,
                       claims.Has("aud") ? "The token's aud claim names another audience."
                                         : "The token has no aud claim.");
  }
  // A refresh token is only for obtaining access tokens.
  if (claims.Has("token_type")) {
    if (claims.Text("token_type") == "access") return {};
    return RefuseToken(TokenReason::token_type_not_accepted,
                       "The token's token_type claim must be access.");
  }
  if (!require_token_type) return {};
  return RefuseToken(TokenReason::claim_missing,
                     "The token has no token_type claim, which auth.require_token_type requires.");
}

}  // namespace

TokenVerifier::TokenVerifier(VerifierOptions options, const Clock& clock)
    : options_(std::move(options)), rules_(options_.issuers), clock_(clock) {
  std::shared_ptr<KeyRing> ring = options_.ring;
  if (options_.key != nullptr) {
    KeyList one;
    one.push_back({"", *options_.key});
    ring = own_ring_ = std::make_shared<KeyRing>(std::move(one));
  }
  if (ring != nullptr) {
    rules_.push_back({.issuer = options_.issuer,
                      .audiences = options_.audiences,
                      .ring = std::move(ring),
                      .service = true});
  }
}

// Returns the rules of the token's issuer; otherwise the last ones, whose check of iss rejects the token.
const IssuerRules* TokenVerifier::RulesFor(std::optional<std::string> issuer) const {
  for (const IssuerRules& rules : rules_) {
    if (issuer && rules.issuer == *issuer) return &rules;
  }
  return rules_.empty() ? nullptr : &rules_.back();
}

Result<Identity> TokenVerifier::Verify(std::string_view token) const {
  if (token.size() > options_.max_bytes) {
    return RefuseToken(
        TokenReason::token_too_long,
        "The token is longer than " + std::to_string(options_.max_bytes) + " bytes.");
  }
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return RefuseToken(TokenReason::token_malformed, "The token is not a signed JWT.");
  }
  const auto header_text = DecodeBase64Url(token.substr(0, first));
  const auto claims_text = DecodeBase64Url(token.substr(first + 1, second - first - 1));
  const auto signature = DecodeBase64Url(token.substr(second + 1));
  TokenJson header, claims;
  if (!header_text || !claims_text || !signature || !header.Parse(*header_text)) {
    return RefuseToken(TokenReason::token_malformed, "The token is malformed.");
  }
  if (const auto good = CheckHeader(header); !good) return Fail(good.error());
  const bool readable = claims.Parse(*claims_text);
  // The claim is not verified yet: it only selects the issuer whose keys are tried.
  const IssuerRules* rules = RulesFor(readable ? claims.Text("iss") : std::nullopt);
  if (rules == nullptr) {
    return RefuseToken(TokenReason::key_not_known, "This server has no key to verify tokens with.");
  }
  const auto key = KeySearch(header, token.substr(0, second), *signature).Run(*rules->ring);
  if (!key) return Fail(key.error());
  if (!readable) {
    return RefuseToken(TokenReason::token_malformed,
                       "The token's claims are not a JSON object or contain a duplicate key.");
  }
  return CheckClaims(claims, *rules, *key);
}

Result<Identity> TokenVerifier::CheckClaims(const TokenJson& claims, const IssuerRules& rules,
                                            uint64_t key) const {
  const Timestamp now = clock_.Now();
  const auto times = TimesFrom(claims, now, options_.leeway);
  if (!times) return Fail(times.error());
  if (const auto good = CheckKind(claims, rules, options_.require_token_type); !good) {
    return Fail(good.error());
  }
  const auto user = UserFrom(claims, rules.user_prefix);
  if (!user) return Fail(user.error());
  Identity identity{.user = *user,
                    .expires_at = times->expires_at,
                    .issued_at = times->issued_at,
                    .jti = claims.Text("jti").value_or(""),
                    .service = rules.service && HoldsServiceScope(claims),
                    .ring = rules.ring,
                    .key = key};
  if (identity.expires_at <= now) {
    return RefuseToken(TokenReason::token_expired, "The token has expired.");
  }
  if (IsRevoked(identity)) {
    return RefuseToken(TokenReason::token_revoked, "The token has been revoked.");
  }
  return identity;
}

bool TokenVerifier::IsRevoked(const Identity& identity) const {
  return options_.revocations != nullptr &&
         options_.revocations->Has(identity.user, identity.jti, identity.issued_at);
}

std::optional<std::string_view> TokenVerifier::WhyEnded(const Identity& identity,
                                                        AskedAt& asked) const {
  if (identity.expires_at <= clock_.Now()) return "The token has expired.";
  if (options_.revocations != nullptr) {
    const uint64_t version = options_.revocations->version();
    if (version != std::exchange(asked.revocations, version) && IsRevoked(identity)) {
      return "The token has been revoked.";
    }
  }
  if (identity.ring != nullptr) {
    const uint64_t version = identity.ring->version();
    if (version != std::exchange(asked.keys, version) && !identity.ring->Holds(identity.key)) {
      return "The key that signed the token has been withdrawn.";
    }
  }
  return std::nullopt;
}

void TokenVerifier::ReplaceKey(const Key& key) {
  if (own_ring_ == nullptr) return;
  KeyList one;
  one.push_back({"", key});
  own_ring_->Replace(std::move(one));
}

}  // namespace parley
