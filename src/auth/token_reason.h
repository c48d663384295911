// Why a token is not valid: the `reason` of a `token_not_valid` error.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

enum class TokenReason {
#define PARLEY_TOKEN_REASON(name, meaning) name,
#include "auth/token_reasons.def"
#undef PARLEY_TOKEN_REASON
};

// The stable text of a reason ("token_expired"), and its documented meaning.
std::string_view Name(TokenReason reason);
std::string_view Meaning(TokenReason reason);

// Returns a token_not_valid error. `detail` is human-readable and contains no part of the token except
// claim names.
tl::unexpected<Error> RefuseToken(TokenReason reason, std::string detail);

}  // namespace parley
