#include "auth/token_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "auth/token_reason.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

constexpr double kLargestTime = 9007199254740992.0;  // 2^53: what a double holds exactly
constexpr std::string_view kServiceScope = "messaging:service";

// NumericDate (RFC 7519 §2) as microseconds: an integer or a finite double in 0..2^53 seconds.
std::optional<int64_t> TimeFrom(dom::element element) {
  double seconds;
  if (!element.is_number() || element.get(seconds) != simdjson::SUCCESS) return std::nullopt;
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLargestTime) return std::nullopt;
  return static_cast<int64_t>(std::min(seconds, 9e12) * 1e6);
}

int64_t WholeSeconds(int64_t micros) { return micros / kMicrosPerSecond * kMicrosPerSecond; }

tl::unexpected<Error> Missing(std::string_view claim) {
  return RefuseToken(TokenReason::claim_missing, fmt::format("The token has no {} claim.", claim));
}

tl::unexpected<Error> Malformed(std::string_view claim, std::string_view rule) {
  return RefuseToken(TokenReason::claim_malformed,
                     fmt::format("The token's {} claim is malformed: {}.", claim, rule));
}

constexpr std::string_view kTimeRule = "it must be a number of seconds since 1970";

std::optional<UserId> UserFromClaim(dom::element claim) {
  int64_t number;
  if (claim.is_int64() && claim.get(number) == simdjson::SUCCESS) return std::to_string(number);
  uint64_t large;
  if (claim.is_uint64() && claim.get(large) == simdjson::SUCCESS) return std::to_string(large);
  std::string_view text;
  if (claim.get(text) != simdjson::SUCCESS) return std::nullopt;
  return ParseUserId(text);
}

}  // namespace

Result<TokenTimes> TimesFrom(const TokenJson& claims, Timestamp now, Duration leeway) {
  const auto exp_claim = claims.Find("exp");
  if (!exp_claim) return Missing("exp");
  const auto exp = TimeFrom(*exp_claim);
  if (!exp) return Malformed("exp", kTimeRule);
  TokenTimes times{.expires_at = {WholeSeconds(*exp) + leeway.count()}};
  for (const char* name : {"iat", "nbf"}) {
    const auto claim = claims.Find(name);
    if (!claim) continue;
    const auto time = TimeFrom(*claim);
    if (!time) return Malformed(name, kTimeRule);
    const int64_t early = WholeSeconds(*time) - now.micros;
    if (early > leeway.count()) {
      return RefuseToken(
          TokenReason::token_not_yet_valid,
          fmt::format("The token is not valid yet: its {} claim is {:.3f} s in the future, and "
                      "auth.leeway is {} s. Check the clocks of the issuer and of this server.",
                      name, static_cast<double>(early) / 1e6,
                      static_cast<double>(leeway.count()) / 1e6));
    }
    if (name[0] == 'i') times.issued_at = Timestamp{*time};
  }
  return times;
}

Result<UserId> UserFrom(const TokenJson& claims, std::string_view prefix) {
  for (const char* name : {"user_id", "sub"}) {
    const auto claim = claims.Find(name);
    if (!claim) continue;
    const auto user = UserFromClaim(*claim);
    if (!user) {
      return Malformed(name, fmt::format("a user id must be an integer or {}", kUserIdRule));
    }
    if (prefix.empty()) return *user;
    auto prefixed = ParseUserId(std::string(prefix) + *user);
    if (!prefixed) {
      return Malformed(name, fmt::format("with the issuer's prefix it is longer than {} characters",
                                         kUserIdBytes));
    }
    return *std::move(prefixed);
  }
  return RefuseToken(TokenReason::claim_missing,
                     "The token has neither a user_id nor a sub claim.");
}

bool HoldsServiceScope(const TokenJson& claims) {
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

bool AudienceMatches(const TokenJson& claims, const std::vector<std::string>& wanted) {
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

}  // namespace parley
