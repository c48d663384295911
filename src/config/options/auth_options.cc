// [auth]: who signs tokens, and what they must say.
#include <array>

#include "config/option_checks.h"
#include "config/option_field.h"
#include "config/options/sections.h"

namespace parley {
namespace {

constexpr auto kAuthOptions = std::to_array<Option>({
    {.section = "auth",
     .key = "algorithm",
     .kind = OptionKind::kText,
     .field = Bind<&Config::auth, &AuthConfig::algorithm>(),
     .doc = "The algorithm that tokens must be signed with.",
     .choices = "HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA"},
    {.section = "auth",
     .key = "secret_key",
     .kind = OptionKind::kText,
     .field = Bind<&Config::auth, &AuthConfig::secret_key>(),
     .doc = "The key for HS256, HS384 and HS512. Production requires at least 32 bytes.",
     .unset = "development: generated at the first start; production: required",
     .guide = "JWT_SECRET_KEY SECRET_KEY",
     .secret = true},
    {.section = "auth",
     .key = "public_key",
     .kind = OptionKind::kPath,
     .field = Bind<&Config::auth, &AuthConfig::public_key>(),
     .doc = "The PEM file of the public key for the other algorithms.",
     .unset = "none"},
    {.section = "auth",
     .key = "private_key",
     .kind = OptionKind::kPath,
     .field = Bind<&Config::auth, &AuthConfig::private_key>(),
     .doc = "The PEM file of the private key with which `parley token` and the development page "
            "sign tokens for these algorithms.",
     .unset = "none"},
    {.section = "auth",
     .key = "jwks",
     .kind = OptionKind::kText,
     .field = Bind<&Config::auth, &AuthConfig::jwks>(),
     .doc = "A key set (JWKS) instead of `public_key`: an https URL (http on this machine), or a "
            "file.",
     .unset = "none"},
    {.section = "auth",
     .key = "jwks_refresh",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::auth, &AuthConfig::jwks_refresh>(),
     .doc = "The time between two fetches of a key set URL; a file is read when it changes.",
     .range = {kSecond, kDay}},
    {.section = "auth",
     .key = "jwks_cooldown",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::auth, &AuthConfig::jwks_cooldown>(),
     .doc = "The minimum time between two fetches caused by tokens with an unknown key id.",
     .range = {kSecond, kHour}},
    {.section = "auth",
     .key = "jwks_max_age",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::auth, &AuthConfig::jwks_max_age>(),
     .doc = "The time after which the keys of a URL that cannot be fetched are dropped; their "
            "tokens are refused until a fetch succeeds.",
     .range = {kSecond, 365 * kDay}},
    {.section = "auth",
     .key = "revocations_kept",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::auth, &AuthConfig::revocations_kept>(),
     .doc = "How long revocations are kept; it must be at least the lifetime of the longest-lived "
            "token.",
     .range = {kHour, 3'650 * kDay}},
    {.section = "auth",
     .key = "issuers",
     .kind = OptionKind::kList,
     .field = Bind<&Config::auth, &AuthConfig::issuers>(),
     .doc = "Further issuers, each as `ISSUER ALGORITHM KEYS [AUDIENCE] [service] [prefix=TEXT]`: "
            "the `iss` claim, the signature algorithm, and a PEM file, key set file or key set "
            "URL. `service` accepts the scope `messaging:service` in its tokens; the prefix is "
            "prepended to its user ids.",
     .unset = "none",
     .check = CheckIssuers},
    {.section = "auth",
     .key = "issuer",
     .kind = OptionKind::kText,
     .field = Bind<&Config::auth, &AuthConfig::issuer>(),
     .doc = "The required `iss` claim.",
     .unset = "not checked"},
    {.section = "auth",
     .key = "audience",
     .kind = OptionKind::kText,
     .field = Bind<&Config::auth, &AuthConfig::audience>(),
     .doc = "The required `aud` claim, or one of its items.",
     .unset = "not checked"},
    {.section = "auth",
     .key = "leeway",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::auth, &AuthConfig::leeway>(),
     .doc = "The tolerated clock difference when `exp`, `nbf` and `iat` are checked.",
     .range = {0, kHour}},
    {.section = "auth",
     .key = "require_token_type",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::auth, &AuthConfig::require_token_type>(),
     .doc = "Refuse tokens without the claim `token_type`. If off, the claim must be `access` only "
            "if it is present, since plain PyJWT tokens do not have it."},
});

}  // namespace

std::span<const Option> AuthOptions() { return kAuthOptions; }

}  // namespace parley
