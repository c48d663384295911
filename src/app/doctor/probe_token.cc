// Whether the server accepts a token: the given one, one signed with the configured key, or one of /dev/token.
#include <fmt/format.h>

#include <cstdlib>

#include "app/doctor/clocks.h"
#include "app/doctor/http_client.h"
#include "app/doctor/probe.h"
#include "app/signing_key.h"
#include "auth/base64url.h"
#include "auth/token_minter.h"

namespace parley::doctor {
namespace {

constexpr auto kLifetime = std::chrono::minutes(15);

struct Found {
  std::string token, origin;
};

bool HasSigningKey(const Config& config) {
  return config.auth.algorithm.starts_with("HS") ? !config.auth.secret_key.empty()
                                                 : !config.auth.private_key.empty();
}

std::optional<Found> FindToken(const ProbeInput& input) {
  if (!input.given_token.empty()) return Found{input.given_token, "the given token"};
  const Config& config = input.config;
  if (HasSigningKey(config)) {
    const auto user = ParseUserId(input.user);
    const auto key = SigningKey(config);
    if (user && key != nullptr) {
      const auto minted = MintToken(*key,
                                    {.user = *user,
                                     .ttl = kLifetime,
                                     .issuer = config.auth.issuer,
                                     .audience = config.auth.audience},
                                    SystemClock());
      if (minted) return Found{*minted, "a token signed with the configured key"};
    }
  }
  const HttpAnswer answer = Fetch(
      input,
      {.method = "POST", .path = "/dev/token", .body = "{\"user_id\":\"" + input.user + "\"}"});
  if (auto token = JsonText(answer.body, "/token"))
    return Found{*std::move(token), "a token of /dev/token"};
  return std::nullopt;
}

// "exp was 3600 s ago, by the clock of this machine"; empty without readable claims.
std::string TimesOf(const std::string& token) {
  const size_t first = token.find('.'), second = token.find('.', first + 1);
  if (second == token.npos) return "";
  const auto claims = DecodeBase64Url(token.substr(first + 1, second - first - 1));
  if (!claims) return "";
  const auto now = static_cast<int64_t>(LocalTime());
  std::string out;
  for (const char* name : {"iat", "nbf", "exp"}) {
    const auto at = JsonInt(*claims, std::string("/") + name);
    if (!at) continue;
    out += fmt::format("{}{} {} s {}", out.empty() ? "" : ", ", name, std::abs(*at - now),
                       *at > now ? "ahead" : "ago");
  }
  return out.empty() ? "" : " (" + out + ", by the clock of this machine)";
}

Code CodeOf(const std::string& reason) {
  if (reason == "token_expired") return Code::token_expired;
  if (reason == "token_not_yet_valid") return Code::token_not_yet_valid;
  for (const char* key : {"signature_invalid", "key_not_known", "algorithm_not_accepted"}) {
    if (reason == key) return Code::token_key_wrong;
  }
  return Code::token_refused;
}

}  // namespace

ProbeResult ProbeToken(const ProbeInput& input) {
  try {
    const std::optional<Found> found = FindToken(input);
    if (!found) return Skip("no token: give --token-file, or run with the signing key");
    const HttpAnswer answer =
        Fetch(input, {.path = ApiPath(input, "conversations/?limit=1"), .token = found->token});
    if (answer.status == 200) {
      Report report;
      report.Note("the server accepts " + found->origin + TimesOf(found->token));
      return report.Done(found->token);
    }
    return Fail(CodeOf(JsonText(answer.body, "/reason").value_or("")),
                found->origin + ": " + answer.Describe() + TimesOf(found->token));
  } catch (const HttpFailure& failure) {
    return Fail(Code::http_failed, failure.what());
  }
}

}  // namespace parley::doctor
