#include "auth/token_reason.h"

namespace parley {

std::string_view Name(TokenReason reason) {
  switch (reason) {
#define PARLEY_TOKEN_REASON(name, meaning) \
  case TokenReason::name:                  \
    return #name;
#include "auth/token_reasons.def"
#undef PARLEY_TOKEN_REASON
  }
  return "token_malformed";
}

std::string_view Meaning(TokenReason reason) {
  switch (reason) {
#define PARLEY_TOKEN_REASON(name, meaning) \
  case TokenReason::name:                  \
    return meaning;
#include "auth/token_reasons.def"
#undef PARLEY_TOKEN_REASON
  }
  return "";
}

tl::unexpected<Error> RefuseToken(TokenReason reason, std::string detail) {
  return tl::unexpected<Error>(Error{
      .code = ErrorCode::token_not_valid, .detail = std::move(detail), .reason = Name(reason)});
}

}  // namespace parley
