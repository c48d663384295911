#include "config/option_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "config/config_loader.h"

namespace parley {
namespace {

ConfigResult LoadSample(std::vector<std::string> args,
                        std::map<std::string, std::string> environment, std::string file) {
  return LoadConfig(
      {.args = std::move(args),
       .environment = std::move(environment),
       .read_file = [file](const std::string&) -> tl::expected<std::string, std::error_code> {
         return file;
       }});
}

// Returns a valid value other than the default.
std::string Sample(const Option& option) {
  const std::string standard = DefaultText(option, Deployment::kDevelopment);
  if (!option.choices.empty()) {
    const std::vector<std::string> names = SplitList(option.choices, '|');
    return names[0] == standard ? names[1] : names[0];
  }
  switch (option.kind) {
    case OptionKind::kSwitch:
      return standard == "on" ? "off" : "on";
    case OptionKind::kNumber:
    case OptionKind::kSize: {
      const std::string least = std::to_string(option.range.min);
      return least == standard ? std::to_string(option.range.min + 1) : least;
    }
    case OptionKind::kDuration:
      return option.range.min <= 7'500'000 ? "7500ms" : "36h";
    case OptionKind::kList:
      if (option.key == "api_prefixes") return "/api/v1/messaging,/api/messaging";
      if (option.key == "cors_allowed_origins") return "https://a.example,http://b.example:81";
      if (option.key == "issuers") return "https://a.example ES256 keys.json chat";
      if (option.key == "hosts") return "redis://a:1,redis://b:2";
      if (option.key == "channel_capacity") return "specific.*=5,worker=7";
      return "10.0.0.1,10.0.0.2";
    default:
      if (option.key == "uds_mode") return "0600";
      if (option.key == "backend") return "pubsub";
      if (option.section == "redis" || option.key == "location") return "redis://cache:6379/1";
      if (option.key == "compressor") return "none";
      return option.section == "database" ? "postgres://db/chat" : "some.value";
  }
}

std::string InFile(const Option& option, const std::string& value) {
  const std::string section =
      option.section.empty() ? "" : "[" + std::string(option.section) + "]\n";
  return section + std::string(option.key) + " = " + value + "\n";
}

void ExpectTaken(const ConfigResult& result, const Option& option, const std::string& where) {
  const auto expected = ParseFor(option, Sample(option));
  ASSERT_TRUE(expected) << KeyOf(option) << ": " << expected.error();
  EXPECT_EQ(option.field.get(result.config), *expected) << KeyOf(option) << " by " << where;
  EXPECT_EQ(result.sources.at(KeyOf(option)), where);
  for (const std::string& error : result.errors) {
    EXPECT_EQ(error.find("unknown"), std::string::npos) << error;
  }
}

// Proves: file, environment, flags, and their order
TEST(OptionTable, EveryOptionIsReadFromTheFileTheEnvironmentAndTheCommandLine) {
  for (const Option& option : Options()) {
    if (option.availability != Availability::kToday) continue;
    const std::string sample = Sample(option);
    ExpectTaken(LoadSample({FlagOf(option), sample}, {}, ""), option, FlagOf(option));
    ExpectTaken(LoadSample({FlagOf(option) + "=" + sample}, {}, ""), option, FlagOf(option));
    ExpectTaken(LoadSample({}, {{VariableOf(option), sample}}, ""), option, VariableOf(option));
    const std::string line = option.section.empty() ? "parley.toml:1" : "parley.toml:2";
    ExpectTaken(LoadSample({}, {}, InFile(option, '"' + sample + '"')), option, line);
    for (const std::string& spelling : SplitList(option.flags, ' ')) {
      ExpectTaken(LoadSample({spelling, sample}, {}, ""), option, spelling);
    }
    for (const std::string& variable : SplitList(option.guide, ' ')) {
      ExpectTaken(LoadSample({}, {{variable, sample}}, ""), option, variable);
    }
  }
}

TEST(OptionTable, PlannedOptionsAreReportedInAllThreeSources) {
  for (const Option& option : Options()) {
    if (option.availability == Availability::kToday) continue;
    const std::string sample = Sample(option);
    const ConfigResult flag = LoadSample({FlagOf(option), sample}, {}, "");
    ASSERT_EQ(flag.errors.size(), 1u) << KeyOf(option);
    EXPECT_NE(flag.errors[0].find(KeyOf(option) + ": not available in this version"),
              std::string::npos);

    for (const ConfigResult& result : {LoadSample({}, {{VariableOf(option), sample}}, ""),
                                       LoadSample({}, {}, InFile(option, '"' + sample + '"'))}) {
      EXPECT_TRUE(result.errors.empty()) << KeyOf(option);
      EXPECT_EQ(result.notes.size(), 1u) << KeyOf(option);
      EXPECT_EQ(result.sources.at(KeyOf(option)), "default");
      EXPECT_EQ(option.field.get(result.config), option.field.get(Config{}));
    }
  }
}

TEST(OptionTable, NoTwoOptionsShareAName) {
  std::set<std::string> names = {"--config", "--help", "-h", "PARLEY_CONFIG"};
  for (const Option& option : Options()) {
    std::vector<std::string> own = SplitList(option.flags, ' ');
    for (const std::string& variable : SplitList(option.guide, ' ')) own.push_back(variable);
    own.insert(own.end(), {KeyOf(option), VariableOf(option), FlagOf(option)});
    if (option.kind == OptionKind::kSwitch) own.push_back("--no-" + FlagOf(option).substr(2));
    for (const std::string& name : own) EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(OptionTable, EveryDefaultIsAValidValue) {
  for (const Option& option : Options()) {
    const OptionValue standard = option.field.get(Config{});
    const std::string text = DefaultText(option, Deployment::kDevelopment);
    if (!std::holds_alternative<std::monostate>(standard)) {
      EXPECT_EQ(ParseFor(option, text), standard) << KeyOf(option);
    }
    const std::string production = DefaultText(option, Deployment::kProduction);
    if (!production.empty()) {
      EXPECT_TRUE(ParseFor(option, production)) << KeyOf(option);
    }
    EXPECT_FALSE(option.doc.empty()) << KeyOf(option);
  }
}

// Proves: --limit-concurrency, --backlog, --shards
TEST(OptionTable, EveryBoundedOptionRejectsValuesOutsideItsRange) {
  for (const Option& option : Options()) {
    if (option.kind == OptionKind::kNumber || option.kind == OptionKind::kSize) {
      EXPECT_TRUE(ParseFor(option, std::to_string(option.range.max))) << KeyOf(option);
      EXPECT_FALSE(ParseFor(option, std::to_string(option.range.max + 1))) << KeyOf(option);
    }
    if (option.kind == OptionKind::kDuration) {
      EXPECT_TRUE(ParseFor(option, std::to_string(option.range.max) + "us")) << KeyOf(option);
      EXPECT_FALSE(ParseFor(option, std::to_string(option.range.max + 1) + "us")) << KeyOf(option);
    }
  }
}

}  // namespace
}  // namespace parley
