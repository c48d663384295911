#include "app/bench/generator_check.h"

#include <gtest/gtest.h>

#include <sstream>

namespace parley::bench {
namespace {

TEST(GeneratorCheckTest, ACountThatIsNotExactFailsAndIsNamed) {
  SelfTestCase test = SelfTestCases()[1];
  ++test.expected.lost;
  std::ostringstream out;
  EXPECT_FALSE(RunSelfTestCase(test, 1, out));
  EXPECT_NE(out.str().find("lost: counted 150, but 151 were caused"), std::string::npos)
      << out.str();
}

TEST(GeneratorCheckTest, AFaultThatIsNotCountedFails) {
  SelfTestCase test = SelfTestCases()[0];
  test.expected.repeated = 1;
  std::ostringstream out;
  EXPECT_FALSE(RunSelfTestCase(test, 1, out));
}

}  // namespace
}  // namespace parley::bench
