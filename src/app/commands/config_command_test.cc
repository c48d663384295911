#include "app/commands/config_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/config_text.h"

namespace parley {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Ran {
  int code = 0;
  std::string out, err;
};

// Runs with a private file, so that a file in the current directory is not read.
class ConfigCommand : public testing::Test {
 protected:
  ConfigCommand()
      : path_(std::filesystem::temp_directory_path() /
              ("parley-config-test-" + std::to_string(::getpid()) + ".toml")) {
    Write("");
  }
  ~ConfigCommand() override { std::filesystem::remove(path_); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  Ran Run(std::vector<std::string> args, std::map<std::string, std::string> environment = {}) {
    environment.emplace("PARLEY_CONFIG", path_.string());
    std::ostringstream out, err;
    const int code = RunConfigCommand(args, environment, out, err);
    return {code, out.str(), err.str()};
  }

  std::filesystem::path path_;
};

// Proves: parley config check, print, docs
TEST_F(ConfigCommand, CheckPrintsOkOnly) {
  const Ran ran = Run({"check"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "ok\n");
  EXPECT_THAT(ran.err, IsEmpty());
}

// Proves: unknown keys, all errors at once, exit 2
TEST_F(ConfigCommand, CheckReportsEveryErrorAndExitsWithTwo) {
  Write("colour = 'red'\n");
  const Ran ran = Run({"check", "--port", "x"}, {{"PARLEY_SHARDS", "-1"}});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("error: " + path_.string() + ":1: unknown key 'colour'"));
  EXPECT_THAT(ran.err, HasSubstr("error: --port: port: 'x' is not a whole number"));
  EXPECT_THAT(ran.err, HasSubstr("error: PARLEY_SHARDS: shards: '-1' is not a whole number"));
}

TEST_F(ConfigCommand, CheckPrintsNotesAndOk) {
  const Ran ran =
      Run({"check", "project.asgi:application"}, {{"WEBSOCKET_URL", "wss://a.example"}});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "ok\n");
  EXPECT_THAT(ran.err, HasSubstr("note: WEBSOCKET_URL: "));
  EXPECT_THAT(ran.err, HasSubstr("note: 'project.asgi:application' is ignored"));
}

TEST_F(ConfigCommand, ProductionWithoutAKeyExitsWithTwo) {
  const Ran ran = Run({"check"}, {{"DJANGO_ENV", "production"}});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("JWT_SECRET_KEY"));
}

// Proves: parley config check, print, docs
TEST_F(ConfigCommand, PrintShowsTheFilesValuesAndHidesTheKey) {
  Write("[websocket]\nping_interval = 7\n");
  const Ran ran = Run({"print"}, {{"JWT_SECRET_KEY", std::string(32, 'k')}});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("ping_interval = \"7s\"  # " + path_.string() + ":2"));
  EXPECT_THAT(ran.out, HasSubstr("secret_key = \"***\"  # JWT_SECRET_KEY"));
  EXPECT_THAT(ran.out, Not(HasSubstr("kkk")));
}

TEST_F(ConfigCommand, DocsPrintsTheDocumentation) {
  const Ran ran = Run({"docs"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, ConfigDocs());
}

TEST_F(ConfigCommand, InvalidArgumentsPrintTheUsageAndExitWithTwo) {
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_EQ(Run({"chekc"}).code, 2);
  EXPECT_THAT(Run({"chekc"}).err, HasSubstr("usage: parley config"));
  EXPECT_EQ(Run({"--help"}).code, 0);
  EXPECT_EQ(Run({"check", "--help"}).code, 0);
  EXPECT_THAT(Run({"check", "--help"}).out, HasSubstr("--ping-interval"));
}

}  // namespace
}  // namespace parley
