#include <gtest/gtest.h>

#include "base/error.h"
#include "test/support/documents.h"

namespace parley {
namespace {

std::string Table() {
  std::string out = "| code | status | meaning |\n|---|---|---|\n";
  const auto row = [&](ErrorCode code) {
    out += "| `" + std::string(Name(code)) + "` | " + std::to_string(HttpStatus(code)) + " | " +
           std::string(Meaning(code)) + " |\n";
  };
#define PARLEY_ERROR(name, status, meaning) row(ErrorCode::name);
#include "base/error_codes.def"
#undef PARLEY_ERROR
  return out;
}

// Proves: error body
TEST(ErrorCodes, TheDocumentationHoldsTheTable) { test::ExpectDocumentHolds("errors.md", Table()); }

TEST(ErrorCodes, StatusesAreErrors) {
#define PARLEY_ERROR(name, status, meaning) EXPECT_TRUE((status) >= 400 && (status) < 600) << #name;
#include "base/error_codes.def"
#undef PARLEY_ERROR
}

}  // namespace
}  // namespace parley
