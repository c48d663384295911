#include "config/config_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/config_loader.h"

namespace parley {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ConfigResult LoadFile(std::vector<std::string> args, std::string file = "") {
  return LoadConfig(
      {.args = std::move(args),
       .environment = {},
       .read_file = [file](const std::string&) -> tl::expected<std::string, std::error_code> {
         return file;
       }});
}

// Proves: parley config check, print, docs
TEST(ConfigText, TheDocumentationMatchesTheTable) {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "../../docs/configuration.md";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream checked_in;
  checked_in << file.rdbuf();
  EXPECT_EQ(checked_in.str(), ConfigDocs())
      << "update it: parley config docs > docs/configuration.md";
}

TEST(ConfigText, TheDocumentationNamesEveryOptionInAllThreeWays) {
  const std::string docs = ConfigDocs();
  for (const Option& option : Options()) {
    EXPECT_THAT(docs, HasSubstr("`" + VariableOf(option) + "`"));
    EXPECT_THAT(docs, HasSubstr("`" + FlagOf(option) + "`"));
  }
}

TEST(ConfigText, APrintedConfigurationLoadsUnchanged) {
  const ConfigResult first = LoadFile(
      {"--port", "9", "--ping-interval", "1500ms", "--allowed-hosts", "a.example,b.example",
       "--auth-issuer", "quote \" and \\ and \x01", "--log-format", "json", "--shards", "3",
       "--no-proxy-headers", "--ws-max-size", "1000000", "--admin-port", "10"});
  ASSERT_THAT(first.errors, IsEmpty());
  const ConfigResult second = LoadFile({}, PrintConfig(first.config, first.sources));
  ASSERT_THAT(second.errors, IsEmpty());
  for (const Option& option : Options()) {
    EXPECT_EQ(option.field.get(second.config), option.field.get(first.config)) << KeyOf(option);
  }
}

TEST(ConfigText, EachPrintedValueNamesItsSource) {
  const ConfigResult loaded = LoadFile({"--port", "9"}, "shards = 2");
  const std::string printed = PrintConfig(loaded.config, loaded.sources);
  EXPECT_THAT(printed, HasSubstr("port = 9  # --port\n"));
  EXPECT_THAT(printed, HasSubstr("shards = 2  # parley.toml:1\n"));
  EXPECT_THAT(printed, HasSubstr("ping_timeout = \"20s\"  # default\n"));
  EXPECT_THAT(printed, HasSubstr("# uds is not set\n"));
}

TEST(ConfigText, SecretsAreNeverPrinted) {
  const std::string key(40, 'k');
  const ConfigResult loaded = LoadFile({"--auth-secret-key", key});
  const std::string printed = PrintConfig(loaded.config, loaded.sources);
  EXPECT_THAT(printed, HasSubstr("secret_key = \"***\""));
  EXPECT_THAT(printed, Not(HasSubstr(key)));
}

TEST(ConfigText, HelpListsAllOptionsAndTheCommandsFlagsAndFitsATerminal) {
  const std::string help = OptionsHelp({{"--user", "USER", "Whose token.", true}});
  EXPECT_THAT(help, HasSubstr("--user USER"));
  EXPECT_THAT(help, HasSubstr("-b, --bind, --host"));
  for (const Option& option : Options()) {
    const bool today = option.availability == Availability::kToday;
    EXPECT_EQ(help.find(FlagOf(option) + " ") != std::string::npos, today) << FlagOf(option);
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110u) << line;
}

}  // namespace
}  // namespace parley
