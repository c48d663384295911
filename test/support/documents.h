// Compares generated tables in docs/ with the code.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace parley::test {

// docs/`name` must contain `table`, followed by an empty line, so that it has no extra row at its end.
inline void ExpectDocumentHolds(const std::string& name, const std::string& table) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs" / name;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream checked_in;
  checked_in << file.rdbuf();
  EXPECT_NE(checked_in.str().find(table + "\n"), std::string::npos)
      << "docs/" << name << " needs this table:\n"
      << table;
}

}  // namespace parley::test
