#include "config/config_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace parley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config Production() {
  Config config;
  config.env = Deployment::kProduction;
  config.auth.secret_key = std::string(32, 'k');
  config.allowed_hosts = {"a.example"};
  config.drain_delay = std::chrono::seconds(5);
  return config;
}

std::vector<std::string> ErrorsWith(Config config, const std::function<void(Config&)>& change) {
  change(config);
  return CheckConfig(config, {}).errors;
}

TEST(ConfigCheck, AValidProductionConfigurationHasNoNotes) {
  EXPECT_THAT(CheckConfig(Production(), {}).errors, IsEmpty());
  EXPECT_THAT(CheckConfig(Production(), {}).notes, IsEmpty());
}

TEST(ConfigCheck, ProductionRequiresAKey) {
  EXPECT_THAT(ErrorsWith(Production(), [](Config& c) { c.auth.secret_key.clear(); }),
              ElementsAre(HasSubstr("auth.secret_key: production requires a JWT key")));
  EXPECT_THAT(ErrorsWith(Config(), [](Config&) {}), IsEmpty());
}

// Proves: HS secret of 32 bytes
TEST(ConfigCheck, AShortKeyIsAnErrorInProductionAndANoteInDevelopment) {
  const auto shorten = [](Config& c) { c.auth.secret_key = std::string(31, 'k'); };
  EXPECT_THAT(ErrorsWith(Production(), shorten), ElementsAre(HasSubstr("shorter than 32 bytes")));
  Config development;
  shorten(development);
  EXPECT_THAT(CheckConfig(development, {}).errors, IsEmpty());
  EXPECT_THAT(CheckConfig(development, {}).notes, ElementsAre(HasSubstr("shorter than 32 bytes")));
}

// Proves: production: --test-echo
TEST(ConfigCheck, ProductionRejectsAStoreWithoutFsyncAndAnEchoSocket) {
  EXPECT_THAT(ErrorsWith(Production(), [](Config& c) { c.store.fsync = false; }),
              ElementsAre(HasSubstr("store.fsync: ")));
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.store.fsync = false; }), IsEmpty());
  EXPECT_THAT(ErrorsWith(Production(), [](Config& c) { c.test_echo = true; }),
              ElementsAre(HasSubstr("test_echo: ")));
}

TEST(ConfigCheck, AnAlgorithmAndItsKeyMustMatch) {
  const auto asymmetric = [](Config& c) {
    c.auth.algorithm = "RS256";
    c.auth.secret_key.clear();
  };
  EXPECT_THAT(ErrorsWith(Production(), asymmetric),
              ElementsAre("auth.public_key: RS256 requires auth.public_key or auth.jwks"));
  EXPECT_THAT(ErrorsWith(Config(), asymmetric),
              ElementsAre("auth.public_key: RS256 requires auth.public_key or auth.jwks"));
  EXPECT_THAT(ErrorsWith(Production(),
                         [&](Config& c) {
                           asymmetric(c);
                           c.auth.public_key = "key.pem";
                         }),
              IsEmpty());
  EXPECT_THAT(ErrorsWith(Production(), [](Config& c) { c.auth.public_key = "key.pem"; }),
              ElementsAre(HasSubstr("cannot be used with HS256")));
}

TEST(ConfigCheck, ContradictoryLimitsAreRejected) {
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.limits.frame_bytes = 1024; }),
              ElementsAre(HasSubstr("websocket.max_size")));
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.limits.body_bytes = 1024; }),
              ElementsAre(HasSubstr("limits.body_bytes")));
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.websocket.outbox_bytes = 64 * 1024; }),
              ElementsAre(HasSubstr("websocket.outbox_bytes: must be at least")));
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.drain_delay = c.timeout_graceful_shutdown; }),
              ElementsAre(HasSubstr("drain_delay: ")));
}

TEST(ConfigCheck, ProductionRejectsAnInsecureDjangoKey) {
  EXPECT_THAT(
      ErrorsWith(Production(),
                 [](Config& c) { c.auth.secret_key = "django-insecure-" + std::string(40, 'k'); }),
      ElementsAre(HasSubstr("django-insecure-")));
}

TEST(ConfigCheck, ADefaultDevelopmentModeRejectsAConfiguredServerOnTheNetwork) {
  Config open;
  open.host = "0.0.0.0";
  open.auth.secret_key = std::string(32, 'k');
  EXPECT_THAT(CheckConfig(open, {{"env", "default"}}).errors, ElementsAre(HasSubstr("env: ")));
  EXPECT_THAT(CheckConfig(open, {{"env", "DJANGO_ENV"}}).errors, IsEmpty());
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
    open.host = host;
    EXPECT_THAT(CheckConfig(open, {{"env", "default"}}).errors, IsEmpty()) << host;
  }
  open.fd = 3;
  EXPECT_THAT(CheckConfig(open, {{"env", "default"}}).errors, ElementsAre(HasSubstr("inherited")));
  Config bare;
  bare.host = "0.0.0.0";
  EXPECT_THAT(CheckConfig(bare, {{"env", "default"}}).errors, IsEmpty());
}

TEST(ConfigCheck, TheAdminPortMustDifferFromThePort) {
  EXPECT_THAT(ErrorsWith(Config(), [](Config& c) { c.admin.port = c.port; }),
              ElementsAre(HasSubstr("admin.port: ")));
  const auto any_free = [](Config& c) { c.admin.port = c.port = 0; };
  EXPECT_THAT(ErrorsWith(Config(), any_free), IsEmpty());
}

TEST(ConfigCheck, MessagesNameTheSourceOfTheValue) {
  Config config = Production();
  config.store.fsync = false;
  EXPECT_THAT(CheckConfig(config, {{"store.fsync", "PARLEY_STORE_FSYNC"}}).errors,
              ElementsAre(HasSubstr("PARLEY_STORE_FSYNC: store.fsync: ")));
}

}  // namespace
}  // namespace parley
