#include "app/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace parley {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

TEST(ProcessTest, TheConnectionLimitLeavesRoomForOtherFiles) {
  EXPECT_EQ(ConnectionsFor(1'048'576), 1'048'064u);
  EXPECT_EQ(ConnectionsFor(1024), 512u);
  EXPECT_EQ(ConnectionsFor(256), 128u);
}

TEST(ProcessTest, TheQuotaOfAContainerLimitsTheCores) {
  EXPECT_EQ(UsableCores(8, "max 100000"), 8u);
  EXPECT_EQ(UsableCores(8, "200000 100000"), 2u);
  EXPECT_EQ(UsableCores(8, "150000 100000"), 2u);
  EXPECT_EQ(UsableCores(8, "50000 100000"), 1u);
  EXPECT_EQ(UsableCores(2, "400000 100000"), 2u);
  EXPECT_EQ(UsableCores(0, ""), 1u);
  EXPECT_EQ(UsableCores(4, "garbage"), 4u);
  EXPECT_EQ(UsableCores(4, "-1 100000"), 4u);
}

class SecretFileTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    file_ = fs::path(testing::TempDir()) / ("secret-" + GetParam());
    std::ofstream(file_) << "secret";
    if (GetParam() == "private_key") config_.auth.private_key = file_;
    if (GetParam() == "ssl") config_.ssl.keyfile = file_;
  }
  void TearDown() override { fs::remove(file_); }
  std::vector<std::string> Warnings() const {
    std::map<std::string, std::string> sources = {{"auth.secret_key", "JWT_SECRET_KEY"}};
    if (GetParam() == "config") sources["auth.secret_key"] = file_.string() + ":3";
    return ProcessWarnings(config_, sources);
  }

  fs::path file_;
  Config config_;
};

TEST_P(SecretFileTest, AWorldReadableFileIsAWarning) {
  fs::permissions(file_, fs::perms(0644));
  EXPECT_THAT(Warnings(), Contains(HasSubstr(file_.string())));
  fs::permissions(file_, fs::perms(0640));
  EXPECT_THAT(Warnings(), Not(Contains(HasSubstr(file_.string()))));
}

INSTANTIATE_TEST_SUITE_P(Each, SecretFileTest, testing::Values("config", "private_key", "ssl"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace parley
