#include "auth/token_reason.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

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
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs/errors.md";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream checked_in;
  checked_in << file.rdbuf();
  EXPECT_NE(checked_in.str().find(Table() + "\n"), std::string::npos)
      << "docs/errors.md needs this table:\n"
      << Table();
}

}  // namespace
}  // namespace parley
