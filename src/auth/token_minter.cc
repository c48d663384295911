#include "auth/token_minter.h"

#include "auth/base64url.h"
#include "protocol/json_writer.h"

namespace parley {

Result<std::string> MintToken(const Key& key, const TokenRequest& request, const Clock& clock) {
  const int64_t now = clock.Now().micros / kMicrosPerSecond;
  std::string claims;
  JsonWriter json(claims);
  json.BeginObject();
  json.Field("token_type", std::string_view("access"));
  json.Field("exp", now + request.ttl.count());
  json.Field("iat", now);
  json.Field("jti", RandomHex(16));
  json.Field("user_id", request.user);
  if (!request.scope.empty()) json.Field("scope", request.scope);
  if (!request.issuer.empty()) json.Field("iss", request.issuer);
  if (!request.audience.empty()) json.Field("aud", request.audience);
  json.EndObject();
  std::string token = EncodeBase64Url(R"({"alg":")" + key.algorithm() + R"(","typ":"JWT"})") + "." +
                      EncodeBase64Url(claims);
  const Result<std::string> signature = key.Sign(token);
  if (!signature) return Fail(signature.error());
  return token + "." + EncodeBase64Url(*signature);
}

}  // namespace parley
