#include "protocol/close_codes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "test/support/documents.h"

namespace parley {
namespace {

std::string Table() {
  std::string out =
      "| code | meaning | `reconnect` | what the client should do |\n|---|---|---|---|\n";
  const auto row = [&](int code, bool reconnect, std::string meaning, std::string action) {
    out += "| " + std::to_string(code) + " | " + meaning + " | " + (reconnect ? "true" : "false") +
           " | " + action + " |\n";
  };
#define PARLEY_CLOSE_CODE(name, code, reconnect, meaning, action) \
  row(code, reconnect, meaning, action);
#include "protocol/close_codes.def"
#undef PARLEY_CLOSE_CODE
  return out;
}

TEST(CloseCodes, TheDocumentationHoldsTheTable) { test::ExpectDocumentHolds("errors.md", Table()); }

TEST(CloseCodes, AreDistinctAndMayBeSent) {
  EXPECT_TRUE(std::ranges::is_sorted(kCloseCodes));
  EXPECT_EQ(std::ranges::adjacent_find(kCloseCodes), kCloseCodes.end());
  for (const CloseCode code : kCloseCodes) {
    const int number = static_cast<int>(code);
    const bool standard = number >= 1000 && number <= 1014 && (number < 1004 || number > 1006);
    EXPECT_TRUE(standard || (number >= 4000 && number < 5000)) << number;
  }
}

TEST(CloseCodes, AClientReconnectsAfterARestartAndAfterOverload) {
  for (const CloseCode code : kCloseCodes) {
    const bool temporary = code == CloseCode::kRestarting || code == CloseCode::kTooSlow ||
                           code == CloseCode::kRateAbused;
    EXPECT_EQ(MayReconnect(code), temporary) << static_cast<int>(code);
  }
}

}  // namespace
}  // namespace parley
