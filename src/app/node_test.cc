#include "app/node.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "feature/apidoc/api_document.h"

namespace parley {
namespace {

class NodeTest : public testing::Test {
 protected:
  NodeTest() {
    std::string name = std::filesystem::temp_directory_path() / "parley-node-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    config_.data_dir = directory_;
    config_.port = 0;
    config_.shards = 1;
  }
  ~NodeTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  Config config_;
  SystemClock clock_;
};

using NodeApiDocument = NodeTest;

// Proves: /openapi.json, /docs
TEST_F(NodeApiDocument, DescribesExactlyTheServedRoutes) {
  const Node node(config_, clock_);
  const ApiDocument document = DescribeApi(node.routers(), config_.limits);
  EXPECT_EQ(document.undescribed, std::vector<std::string>())
      << "describe them in their feature's X_openapi.json";
  EXPECT_EQ(document.unserved, std::vector<std::string>());
}

TEST_F(NodeApiDocument, IsTheSameWithAnAdminPort) {
  config_.admin.port = 0;
  const Node node(config_, clock_);
  const ApiDocument document = DescribeApi(node.routers(), config_.limits);
  EXPECT_EQ(document.undescribed, std::vector<std::string>());
  EXPECT_EQ(document.unserved, std::vector<std::string>());
}

TEST_F(NodeApiDocument, EveryReferenceHasATarget) {
  const Node node(config_, clock_);
  const std::string json = DescribeApi(node.routers(), config_.limits).json;
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parser.parse(json);
  const std::regex reference(R"re("\$ref":"#([^"]+)")re");
  std::set<std::string> seen;
  for (std::sregex_iterator at(json.begin(), json.end(), reference), end; at != end; ++at) {
    seen.insert((*at)[1]);
  }
  EXPECT_GT(seen.size(), 20u);
  for (const std::string& pointer : seen) {
    EXPECT_EQ(root.at_pointer(pointer).error(), simdjson::SUCCESS) << pointer;
  }
}

// The table in docs/protocol.md: each row begins with | `METHOD path` |, several joined by commas.
TEST_F(NodeApiDocument, TheTableOfRoutesMatches) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs/protocol.md";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::set<std::string> documented;
  const std::regex cell(R"re(`([A-Z]+) ([^`?]+)`)re");
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string first = line.substr(0, line.find(" |", 2));
    for (std::sregex_iterator at(first.begin(), first.end(), cell), end; at != end; ++at) {
      const std::string route = (*at)[2];
      documented.insert((*at)[1].str() + " " +
                        (route.starts_with("/") ? route : "/api/messaging/" + route));
    }
  }
  const Node node(config_, clock_);
  std::set<std::string> served;
  for (const Router* router : node.routers()) {
    for (const auto& route : router->routes()) {
      served.insert(route->method + " " + DocumentPath(route->pattern));
    }
  }
  EXPECT_EQ(documented, served);
}

}  // namespace
}  // namespace parley
