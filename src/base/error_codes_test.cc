#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"

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

TEST(ErrorCodes, TheDocumentationHoldsTheTable) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs/errors.md";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream checked_in;
  checked_in << file.rdbuf();
  // With the empty line after it, so that no row can be left over at its end.
  EXPECT_NE(checked_in.str().find(Table() + "\n"), std::string::npos)
      << "docs/errors.md needs this table:\n"
      << Table();
}

TEST(ErrorCodes, StatusesAreErrors) {
#define PARLEY_ERROR(name, status, meaning) EXPECT_TRUE((status) >= 400 && (status) < 600) << #name;
#include "base/error_codes.def"
#undef PARLEY_ERROR
}

}  // namespace
}  // namespace parley
