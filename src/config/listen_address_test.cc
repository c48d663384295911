#include "config/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

GivenOption Given(std::string_view key, std::string text, std::string where = "--bind",
                  SourceLevel level = SourceLevel::kFlag) {
  return {FindOption(key), std::move(text), level, std::move(where)};
}

std::vector<std::string> GivenTexts(const std::vector<GivenOption>& given) {
  std::vector<std::string> texts;
  for (const GivenOption& one : given) texts.push_back(KeyOf(*one.option) + "=" + one.text);
  return texts;
}

std::vector<std::string> Expanded(std::string host) {
  std::vector<GivenOption> given = {Given("host", std::move(host))};
  std::vector<std::string> errors;
  ExpandHosts(given, errors);
  EXPECT_THAT(errors, IsEmpty());
  return GivenTexts(given);
}

// Proves: -b, --uds, --fd
TEST(ListenAddress, AHostMayIncludeAPort) {
  EXPECT_THAT(Expanded("0.0.0.0"), ElementsAre("host=0.0.0.0"));
  EXPECT_THAT(Expanded("0.0.0.0:8000"), ElementsAre("host=0.0.0.0", "port=8000"));
  EXPECT_THAT(Expanded("localhost:0"), ElementsAre("host=localhost", "port=0"));
  EXPECT_THAT(Expanded(":8000"), ElementsAre("port=8000"));
  EXPECT_THAT(Expanded("[::1]:8000"), ElementsAre("host=::1", "port=8000"));
  EXPECT_THAT(Expanded("[::1]"), ElementsAre("host=::1"));
  EXPECT_THAT(Expanded("fe80::1:8000"), ElementsAre("host=fe80::1:8000"));
  EXPECT_THAT(Expanded("unix:/run/p.sock"), ElementsAre("uds=/run/p.sock"));
  EXPECT_THAT(Expanded("fd://3"), ElementsAre("fd=3"));
}

std::vector<std::string> OfEndpoint(std::string text, size_t mistakes = 0) {
  std::vector<GivenOption> given = {Given("host", std::move(text), "-e")};
  std::vector<std::string> errors;
  ExpandHosts(given, errors);
  EXPECT_EQ(errors.size(), mistakes);
  return GivenTexts(given);
}

TEST(ListenAddress, EndpointsAreParsedLikeDaphnes) {
  EXPECT_THAT(OfEndpoint("tcp:8000"), ElementsAre("port=8000", "host=0.0.0.0"));
  EXPECT_THAT(OfEndpoint("tcp:port=8000:interface=127.0.0.1"),
              ElementsAre("port=8000", "host=127.0.0.1"));
  EXPECT_THAT(OfEndpoint("tcp:8000:interface=\\:\\:1"), ElementsAre("port=8000", "host=::1"));
  EXPECT_THAT(
      OfEndpoint("ssl:443:privateKey=key.pem:certKey=chain.pem"),
      ElementsAre("port=443", "ssl.keyfile=key.pem", "ssl.certfile=chain.pem", "host=0.0.0.0"));
  EXPECT_THAT(OfEndpoint("unix:/run/p.sock:mode=600"),
              ElementsAre("uds=/run/p.sock", "uds_mode=600"));
  EXPECT_THAT(OfEndpoint("fd:fileno=0"), ElementsAre("fd=0"));
  for (const char* wrong : {"tcp", "http:80", "tcp:80:80", "ssl:443:caCertsDir=/x", "systemd:0"}) {
    EXPECT_THAT(OfEndpoint(wrong, 1), IsEmpty()) << wrong;
  }
}

TEST(ListenAddress, AnIncompletePortIsAnError) {
  EXPECT_THAT(Expanded("localhost:"), ElementsAre("host=localhost", "port="));
  EXPECT_FALSE(ParseFor(*FindOption("port"), ""));
  EXPECT_FALSE(ParseFor(*FindOption("host"), ""));
  EXPECT_FALSE(ParseFor(*FindOption("host"), "http://localhost"));
  EXPECT_FALSE(ParseFor(*FindOption("host"), "[::1"));
}

TEST(ListenAddress, TwoAddressesInOneSourceAreRejected) {
  std::vector<std::string> errors;
  std::vector<GivenOption> given = {Given("host", "0.0.0.0:1", "-b"), Given("port", "2", "-p")};
  ExpandHosts(given, errors);
  EXPECT_THAT(errors, ElementsAre(HasSubstr("-p: port: '2' conflicts with '1' of -b")));

  errors.clear();
  given = {Given("host", "0.0.0.0"), Given("host", "127.0.0.1")};
  ExpandHosts(given, errors);
  EXPECT_EQ(errors.size(), 1u);

  errors.clear();
  given = {Given("host", "0.0.0.0:1", "-b"),
           Given("port", "2", "PARLEY_PORT", SourceLevel::kVariable)};
  ExpandHosts(given, errors);
  EXPECT_THAT(errors, IsEmpty());
}

TEST(ListenAddress, TheAddressWithTheHighestPrecedenceWins) {
  std::vector<std::string> errors, notes;
  std::vector<GivenOption> given = {
      Given("port", "9000", "PORT", SourceLevel::kGuideVariable), Given("uds", "/a.sock", "--uds"),
      Given("fd", "3", "parley.toml:1", SourceLevel::kFile), Given("shards", "2", "--shards")};
  ChooseListener(given, errors, notes);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_THAT(notes, ElementsAre("PORT: port: is overridden by uds (--uds)",
                                 "parley.toml:1: fd: is overridden by uds (--uds)"));
  EXPECT_THAT(GivenTexts(given), ElementsAre("uds=/a.sock", "shards=2"));
}

// Proves: -b, --uds, --fd
TEST(ListenAddress, TwoKindsOfAddressInOneSourceAreRejected) {
  for (const auto& [first, second] :
       {std::pair{"host", "uds"}, std::pair{"port", "fd"}, std::pair{"uds", "fd"}}) {
    std::vector<std::string> errors, notes;
    std::vector<GivenOption> given = {Given(first, "1", "--first"), Given(second, "2", "--second")};
    ChooseListener(given, errors, notes);
    ASSERT_EQ(errors.size(), 1u) << first << second;
    EXPECT_THAT(errors[0], HasSubstr("cannot be combined with"));
  }
}

}  // namespace
}  // namespace parley
