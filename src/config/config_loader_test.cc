#include "config/config_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Environment = std::map<std::string, std::string>;

constexpr char kKey[] = "a-key-of-more-than-thirty-two-bytes!";

ConfigResult Load(std::vector<std::string> args, Environment environment = {},
                  std::map<std::string, std::string> files = {},
                  std::vector<CommandFlag> command_flags = {}) {
  return LoadConfig(
      {.args = std::move(args),
       .environment = std::move(environment),
       .read_file = [files](const std::string& path) -> tl::expected<std::string, std::error_code> {
         const auto file = files.find(path);
         if (file != files.end()) return file->second;
         return tl::unexpected(std::make_error_code(std::errc::no_such_file_or_directory));
       },
       .command_flags = std::move(command_flags)});
}

// Splits a shell's command line without quotes.
ConfigResult LoadLine(const std::string& line, Environment environment = {}) {
  return Load(SplitList(line, ' '), std::move(environment));
}

TEST(ConfigLoader, DevelopmentNeedsNoOptions) {
  const ConfigResult result = Load({});
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.notes, IsEmpty());
  EXPECT_EQ(result.config.host, "127.0.0.1");
  EXPECT_EQ(result.config.port, 8000);
  EXPECT_FALSE(result.config.production());
  EXPECT_FALSE(result.config.rate_limits);
  EXPECT_EQ(result.config.drain_delay, Duration(0));
  EXPECT_EQ(result.config.limits.frame_bytes, 262144u);
}

TEST(ConfigLoader, ProductionHasItsOwnDefaultsWhichAllSourcesOverride) {
  const Environment production = {{"DJANGO_ENV", "production"}, {"JWT_SECRET_KEY", kKey}};
  const ConfigResult result = Load({}, production);
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.host, "0.0.0.0");
  EXPECT_TRUE(result.config.rate_limits);
  EXPECT_EQ(result.config.drain_delay, std::chrono::seconds(5));

  const ConfigResult given = Load({"--drain-delay", "1"}, production,
                                  {{"parley.toml", "rate_limits = false\nhost = '::1'"}});
  EXPECT_THAT(given.errors, IsEmpty());
  EXPECT_EQ(given.config.host, "::1");
  EXPECT_FALSE(given.config.rate_limits);
  EXPECT_EQ(given.config.drain_delay, std::chrono::seconds(1));
}

TEST(ConfigLoader, FlagsOverrideTheEnvironmentWhichOverridesTheFile) {
  const std::map<std::string, std::string> file = {{"parley.toml", "port = 1"}};
  EXPECT_EQ(Load({}, {}, file).config.port, 1);
  EXPECT_EQ(Load({}, {{"PORT", "2"}}, file).config.port, 2);
  EXPECT_EQ(Load({}, {{"PORT", "2"}, {"PARLEY_PORT", "3"}}, file).config.port, 3);
  const ConfigResult all = Load({"-p", "4"}, {{"PORT", "2"}, {"PARLEY_PORT", "3"}}, file);
  EXPECT_EQ(all.config.port, 4);
  EXPECT_THAT(all.errors, IsEmpty());
  EXPECT_EQ(all.sources.at("port"), "-p");
  EXPECT_EQ(all.sources.at("host"), "default");
}

TEST(ConfigLoader, TheLastOfARepeatedFlagWinsAndListsAreJoined) {
  const ConfigResult result = LoadLine(
      "--port 1 --port 2 --allowed-hosts a.example --allowed-hosts b.example,c.example "
      "--access-log --no-access-log");
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.port, 2);
  EXPECT_FALSE(result.config.access_log);
  EXPECT_THAT(result.config.allowed_hosts, ElementsAre("a.example", "b.example", "c.example"));
}

TEST(ConfigLoader, TheFileComesFromTheFlagTheVariableOrTheDirectoryInThatOrder) {
  const std::map<std::string, std::string> files = {
      {"parley.toml", "port = 1"}, {"other.toml", "port = 2"}, {"third.toml", "port = 3"}};
  EXPECT_EQ(Load({}, {}, files).config.port, 1);
  EXPECT_EQ(Load({}, {{"PARLEY_CONFIG", "other.toml"}}, files).config.port, 2);
  EXPECT_EQ(Load({"--config", "third.toml"}, {{"PARLEY_CONFIG", "other.toml"}}, files).config.port,
            3);
  EXPECT_THAT(Load({"--config=none.toml"}).errors,
              ElementsAre(HasSubstr("--config: none.toml: No such file")));
  EXPECT_THAT(Load({}, {{"PARLEY_CONFIG", "none.toml"}}).errors,
              ElementsAre(HasSubstr("PARLEY_CONFIG: none.toml: No such file")));
}

TEST(ConfigLoader, AnUnreadableFileFailsTheStart) {
  const ConfigResult result = LoadConfig(
      {.args = {},
       .environment = {},
       .read_file = [](const std::string&) -> tl::expected<std::string, std::error_code> {
         return tl::unexpected(std::make_error_code(std::errc::permission_denied));
       }});
  EXPECT_THAT(result.errors, ElementsAre(HasSubstr("parley.toml: Permission denied")));
}

TEST(ConfigLoader, AllErrorsAreReportedAtOnceWithNameAndSource) {
  const ConfigResult result =
      Load({"--ping-interval", "5parsecs", "--prt", "8000", "stray", "--data-dir"},
           {{"PARLEY_SHARDS", "many"}, {"PARLEY_WEBSOCKET_PINGS", "1"}, {"PORT", "99999"}},
           {{"parley.toml",
             "colour = 'red'\nhost = 5\n[websocket]\nping_timeoutt = 20\n[nothing]\n"
             "[limits]\ncontent_bytes = 'big'\n"}});
  EXPECT_THAT(
      result.errors,
      UnorderedElementsAre(
          "--ping-interval: websocket.ping_interval: '5parsecs' is not a duration (5, 5s, 500ms, "
          "1h)",
          "unknown flag --prt; did you mean --port?", "unexpected argument 'stray'",
          "--data-dir: requires a value", "PARLEY_SHARDS: shards: 'many' is not a whole number",
          HasSubstr("unknown variable PARLEY_WEBSOCKET_PINGS"),
          "PORT: port: '99999' is more than 65535", "parley.toml:1: unknown key 'colour'",
          "parley.toml:2: host: must be text",
          "parley.toml:4: unknown key 'websocket.ping_timeoutt'; did you mean "
          "'websocket.ping_timeout'?",
          "parley.toml:5: unknown section [nothing]",
          "parley.toml:7: limits.content_bytes: 'big' is not a size in bytes (4096, 256KiB, "
          "1MiB)"));
}

TEST(ConfigLoader, AFileThatIsNotTomlIsReportedWithItsLineAndOtherErrors) {
  const ConfigResult result =
      Load({"--port", "x"}, {}, {{"parley.toml", "port = 1\nhost = = 2\n"}});
  ASSERT_EQ(result.errors.size(), 2u);
  EXPECT_THAT(result.errors, Contains(HasSubstr("parley.toml:2: ")));
  EXPECT_THAT(result.errors, Contains(HasSubstr("--port: port: ")));
}

TEST(ConfigLoader, TheFileAcceptsTomlTypes) {
  const ConfigResult result = Load({}, {}, {{"parley.toml", R"(
      port = 0
      access_log = false
      allowed_hosts = ["a.example", ".b.example"]
      forwarded_allow_ips = []
      [websocket]
      ping_interval = 0.5
      ping_timeout = "750ms"
      max_size = "1MiB"
      [limits]
      header_bytes = 32_768
      [admin]
      port = 9000
  )"}});
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.port, 0);
  EXPECT_FALSE(result.config.access_log);
  EXPECT_THAT(result.config.allowed_hosts, ElementsAre("a.example", ".b.example"));
  EXPECT_THAT(result.config.forwarded_allow_ips, IsEmpty());
  EXPECT_EQ(result.config.websocket.ping_interval, std::chrono::milliseconds(500));
  EXPECT_EQ(result.config.websocket.ping_timeout, std::chrono::milliseconds(750));
  EXPECT_EQ(result.config.limits.frame_bytes, 1024u * 1024);
  EXPECT_EQ(result.config.limits.header_bytes, 32768u);
  EXPECT_EQ(result.config.admin.port, 9000);
}

TEST(ConfigLoader, DottedKeysAreTablesAndQuotedOnesAreUnknown) {
  EXPECT_THAT(Load({}, {}, {{"parley.toml", "\"admin.port\" = 1"}}).errors,
              ElementsAre(HasSubstr("unknown key 'admin.port'")));
  EXPECT_THAT(Load({}, {}, {{"parley.toml", "[admin.port]\nx = 1"}}).errors,
              ElementsAre(HasSubstr("admin.port: must be a whole number")));
  EXPECT_THAT(Load({}, {}, {{"parley.toml", "admin.port = 1"}}).errors, IsEmpty());
}

// Proves: names of Django deployments
TEST(ConfigLoader, TheGuidesVariablesWorkAndTheJwtKeyOverridesDjangosKey) {
  const ConfigResult result = Load({}, {{"SECRET_KEY", "django's"},
                                        {"JWT_SECRET_KEY", kKey},
                                        {"ALLOWED_HOSTS", "a.example, .b.example"},
                                        {"WEB_CONCURRENCY", "4"},
                                        {"PORT", "9000"}});
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.auth.secret_key, kKey);
  EXPECT_THAT(result.config.allowed_hosts, ElementsAre("a.example", ".b.example"));
  EXPECT_EQ(result.config.port, 9000);
  EXPECT_EQ(Load({}, {{"SECRET_KEY", kKey}, {"JWT_SECRET_KEY", ""}}).config.auth.secret_key, kKey);
}

TEST(ConfigLoader, ParleysEnvironmentNameOverridesDjangos) {
  EXPECT_THAT(Load({}, {{"DJANGO_ENV", "staging"}}).errors,
              ElementsAre("DJANGO_ENV: env: 'staging' is not one of development production"));
  EXPECT_THAT(Load({}, {{"DJANGO_ENV", "staging"}, {"PARLEY_ENV", "development"}}).errors,
              IsEmpty());
}

// Proves: names of Django deployments
TEST(ConfigLoader, TheGuidesRedisCacheAndDatabaseAreUsed) {
  const Environment guide = {{"DJANGO_ENV", "production"},
                             {"JWT_SECRET_KEY", kKey},
                             {"ALLOWED_HOSTS", "a.example"},
                             {"REDIS_URL", "redis://:secret@redis:6379/0"},
                             {"REDIS_CACHE_URL", "redis://redis:6379/1"},
                             {"WEBSOCKET_URL", "wss://a.example"}};
  const ConfigResult result = Load({}, guide);
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.notes.size(), 1u) << "of WEBSOCKET_URL";
  EXPECT_EQ(result.config.redis.url, "redis://:secret@redis:6379/0");
  EXPECT_EQ(result.config.cache.location, "redis://redis:6379/1");

  Environment own = guide;
  own["PARLEY_CACHE_LOCATION"] = "redis://redis:6379/0";
  EXPECT_EQ(Load({}, own).config.cache.location, "redis://redis:6379/0");
  Environment shared = guide;
  shared.erase("REDIS_CACHE_URL");
  EXPECT_THAT(Load({}, shared).notes,
              Contains(HasSubstr("cache.location: is the Redis database of the bus")));
  EXPECT_THAT(Load({}, {{"REDIS_URL", "memcached://:secret@cache"}}).errors,
              ElementsAre(AllOf(HasSubstr("redis.url"), HasSubstr("does not begin with redis://"),
                                Not(HasSubstr("secret@")))));
  EXPECT_EQ(Load({}, {{"DATABASE_URL", "postgres://u:pw@db/x"}}).config.database.url,
            "postgres://u:pw@db/x");
}

TEST(ConfigLoader, KubernetesServiceLinksAreIgnored) {
  const ConfigResult result = Load({}, {{"PARLEY_PORT", "tcp://10.0.0.1:8000"},
                                        {"PARLEY_PORT_8000_TCP", "tcp://10.0.0.1:8000"},
                                        {"PARLEY_PORT_8000_TCP_PROTO", "tcp"},
                                        {"PARLEY_PORT_8000_TCP_PORT", "8000"},
                                        {"PARLEY_PORT_8000_TCP_ADDR", "10.0.0.1"},
                                        {"PARLEY_SERVICE_HOST", "10.0.0.1"},
                                        {"PARLEY_SERVICE_PORT", "8000"},
                                        {"PARLEY_SERVICE_PORT_HTTP", "8000"},
                                        {"PARLEY_ADMIN_PORT", "tcp://10.0.0.3:9000"},
                                        {"PARLEY_REDIS_SERVICE_HOST", "10.0.0.2"},
                                        {"PARLEY_REDIS_PORT_6379_TCP_ADDR", "10.0.0.2"}});
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.port, 8000);
  EXPECT_EQ(result.sources.at("port"), "default");
  EXPECT_FALSE(result.config.admin.port);

  EXPECT_EQ(Load({}, {{"PARLEY_PORT", "9000"}}).config.port, 9000);
  EXPECT_EQ(Load({}, {{"PARLEY_PORT_8000", "9000"}}).errors.size(), 1u);
}

// Proves: flags of Daphne, Uvicorn, Hypercorn
TEST(ConfigLoader, CommandLinesOfDaphneAreAccepted) {
  const ConfigResult result = LoadLine(
      "-b 0.0.0.0 -p 8001 --ping-interval 20 --ping-timeout 30 --access-log - --proxy-headers "
      "your_project.asgi:application");
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("'your_project.asgi:application' is ignored")));
  EXPECT_EQ(result.config.host, "0.0.0.0");
  EXPECT_EQ(result.config.port, 8001);
  EXPECT_EQ(result.config.websocket.ping_interval, std::chrono::seconds(20));
  EXPECT_EQ(result.config.websocket.ping_timeout, std::chrono::seconds(30));
  EXPECT_TRUE(result.config.access_log);
  EXPECT_TRUE(result.config.proxy_headers);

  EXPECT_EQ(LoadLine("-u /run/parley.sock project.asgi:application").config.uds,
            "/run/parley.sock");
  EXPECT_EQ(LoadLine("--fd 3 project.asgi:application").config.fd, 3);
  EXPECT_EQ(LoadLine("-p8002").config.port, 8002);
  const ConfigResult to_a_file = LoadLine("--access-log /var/log/a.log");
  EXPECT_TRUE(to_a_file.config.access_log);
  EXPECT_THAT(to_a_file.notes, Contains(HasSubstr("not to a file")));
}

// Proves: flags of Daphne, Uvicorn, Hypercorn
TEST(ConfigLoader, CommandLinesOfUvicornAreAccepted) {
  const ConfigResult result = LoadLine(
      "your_project.asgi:application --host 0.0.0.0 --port 8001 --ws-max-size 16777216 "
      "--ws-ping-interval 20.0 --ws-ping-timeout 20.0 --no-proxy-headers --forwarded-allow-ips "
      "10.0.0.0/8,::1 --limit-concurrency 1000 --backlog 4096 --timeout-graceful-shutdown 20 "
      "--no-access-log --log-level warning");
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.host, "0.0.0.0");
  EXPECT_EQ(result.config.limits.frame_bytes, 16777216u);
  EXPECT_FALSE(result.config.proxy_headers);
  EXPECT_THAT(result.config.forwarded_allow_ips, ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(result.config.limit_concurrency, 1000u);
  EXPECT_EQ(result.config.backlog, 4096);
  EXPECT_EQ(result.config.timeout_graceful_shutdown, std::chrono::seconds(20));
  EXPECT_FALSE(result.config.access_log);
  EXPECT_EQ(result.config.log_level, LogLevel::kWarning);

  EXPECT_EQ(LoadLine("app:app --uds /run/parley.sock").config.uds, "/run/parley.sock");
  const ConfigResult tls = LoadLine("--ssl-keyfile=k.pem --ssl-certfile=c.pem app:app");
  EXPECT_EQ(tls.config.ssl.keyfile, "k.pem");
  EXPECT_EQ(tls.config.ssl.certfile, "c.pem");
  EXPECT_THAT(LoadLine("--ssl-keyfile=k.pem").errors,
              ElementsAre(HasSubstr("ssl.certfile: is missing")));
}

// Proves: flags of Daphne, Uvicorn, Hypercorn
TEST(ConfigLoader, CommandLinesOfHypercornAreAccepted) {
  const ConfigResult result = LoadLine(
      "--bind 0.0.0.0:8001 --backlog 100 --graceful-timeout 10 --websocket-ping-interval 20 "
      "project.asgi:application");
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.config.host, "0.0.0.0");
  EXPECT_EQ(result.config.port, 8001);
  EXPECT_EQ(result.sources.at("port"), "--bind");
  EXPECT_EQ(result.config.timeout_graceful_shutdown, std::chrono::seconds(10));
  EXPECT_EQ(LoadLine("-b unix:/run/parley.sock").config.uds, "/run/parley.sock");
  EXPECT_EQ(LoadLine("--bind fd://3").config.fd, 3);
}

TEST(ConfigLoader, UnexpectedArgumentsAreErrors) {
  for (const char* line : {"--no-access-log=x", "--port=", "--=1", "-", "---port 1", "-p",
                           "-b=", "--access-log=", "--port --host", "--no-port", "1 2 3",
                           "--port 1 2", "-x-y", "--access_log", "--PORT 1", "{}", "--port {}"}) {
    EXPECT_FALSE(LoadLine(line).errors.empty()) << line;
  }
  EXPECT_THAT(LoadLine("--port 1 -- project.asgi:application").errors, IsEmpty());
}

TEST(ConfigLoader, HelpWorksDespiteOtherErrors) {
  EXPECT_TRUE(Load({"--port", "x", "--help"}).help);
  EXPECT_TRUE(Load({"-h"}).help);
  EXPECT_THAT(Load({"--port", "x", "--help"}).errors, IsEmpty());
}

TEST(ConfigLoader, ACommandsOwnFlagsAreReturnedByName) {
  const std::vector<CommandFlag> flags = {{"--user", "USER", "Whose token.", true},
                                          {"--ttl", "DURATION", "How long."}};
  const ConfigResult result = Load({"--user", "alice", "--port=1"}, {}, {}, flags);
  EXPECT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(result.command_flags, (std::map<std::string, std::string>{{"--user", "alice"}}));
  EXPECT_EQ(result.config.port, 1);
  EXPECT_THAT(Load({"--ttl", "1h"}, {}, {}, flags).errors, ElementsAre("--user USER is required"));
  EXPECT_THAT(Load({"--ttl", "1h"}).errors, ElementsAre(HasSubstr("unknown flag --ttl")));
  EXPECT_THAT(Load({"--user", "alice"}).notes, ElementsAre(HasSubstr("--user is ignored")))
      << "a flag of Hypercorn, without such a flag of the command";
}

TEST(ConfigLoader, SecretsAreNeverRepeatedInMessages) {
  const ConfigResult result = Load({"--auth-secret-key", kKey, "--port", "x"});
  EXPECT_EQ(result.config.auth.secret_key, kKey);
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("secrets on the command line are visible")));
  for (const std::string& line : result.notes) EXPECT_THAT(line, Not(HasSubstr(kKey)));
  for (const std::string& line : result.errors) EXPECT_THAT(line, Not(HasSubstr(kKey)));
  const std::string zero("secret-with\0zero", 16);
  EXPECT_THAT(Load({}, {{"JWT_SECRET_KEY", zero}}).errors,
              ElementsAre("JWT_SECRET_KEY: auth.secret_key: the value contains a NUL character"));
}

}  // namespace
}  // namespace parley
