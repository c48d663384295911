#include "django/node_identity.h"

#include <gtest/gtest.h>

#include <fstream>

namespace parley::django {
namespace {

namespace fs = std::filesystem;

class NodeIdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string text = (fs::temp_directory_path() / "parley-identity-XXXXXX").string();
    ASSERT_NE(::mkdtemp(text.data()), nullptr);
    directory_ = text;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path directory_;
};

TEST_F(NodeIdentityTest, IsKeptAcrossRestarts) {
  const std::string first = NodeIdentity(directory_).hex();
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(NodeIdentity(directory_).hex(), first);
}

TEST_F(NodeIdentityTest, IsUniqueWhileAnotherProcessHoldsTheFile) {
  const NodeIdentity one(directory_), two(directory_);
  EXPECT_NE(one.hex(), two.hex());
}

TEST_F(NodeIdentityTest, DiffersOnACopiedDisk) {
  EXPECT_EQ(IdentityOn("a", "0123").size(), 32u);
  EXPECT_NE(IdentityOn("a", "0123"), IdentityOn("b", "0123"));
  EXPECT_NE(IdentityOn("a", "0123"), IdentityOn("a", "4567"));
}

TEST_F(NodeIdentityTest, IsReplacedIfTheFileIsDamaged) {
  std::ofstream(directory_ / "channel-layer-node") << "not an identity, and longer than one anyway";
  const std::string first = NodeIdentity(directory_).hex();
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(NodeIdentity(directory_).hex(), first);
}

TEST_F(NodeIdentityTest, IsNewIfThereIsNoDirectory) {
  EXPECT_EQ(NodeIdentity(directory_ / "absent").hex().size(), 32u);
}

}  // namespace
}  // namespace parley::django
