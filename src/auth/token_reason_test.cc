#include "auth/token_reason.h"

#include <gtest/gtest.h>

#include "test/support/documents.h"

namespace parley {
namespace {

std::string Table() {
  std::string out = "| reason | meaning |\n|---|---|\n";
  const auto row = [&](TokenReason reason) {
    out += "| `" + std::string(Name(reason)) + "` | " + std::string(Meaning(reason)) + " |\n";
  };
#define PARLEY_TOKEN_REASON(name, meaning) row(TokenReason::name);
#include "auth/token_reasons.def"
#undef PARLEY_TOKEN_REASON
  return out;
}

TEST(TokenReasons, TheDocumentationHoldsTheTable) {
  test::ExpectDocumentHolds("errors.md", Table());
}

}  // namespace
}  // namespace parley
