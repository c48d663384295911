// The options of the top level: addresses, hosts, logs, start and shutdown.
#include <array>

#include "config/option_checks.h"
#include "config/option_field.h"
#include "config/options/sections.h"

namespace parley {
namespace {

constexpr auto kNodeOptions = std::to_array<Option>({
    {.key = "env",
     .kind = OptionKind::kChoice,
     .field = Bind<&Config::env>(),
     .doc = "The environment. Production has stricter defaults and refuses unsafe settings.",
     .choices = "development|production",
     .guide = "DJANGO_ENV"},
    {.key = "host",
     .kind = OptionKind::kText,
     .field = Bind<&Config::host>(),
     .doc = "The address to listen on. `HOST:PORT`, `[IPv6]:PORT`, `unix:PATH` and `fd://N` are "
            "also accepted and set the corresponding options. `-e` takes a Daphne endpoint "
            "(`ssl:443:privateKey=key.pem:certKey=chain.pem`).",
     .production = "0.0.0.0",
     .flags = "-b --bind",
     .check = CheckHost},
    {.key = "port",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::port>(),
     .doc = "The TCP port to listen on; 0 picks any free port.",
     .range = {0, 65'535},
     .flags = "-p",
     .guide = "PORT"},
    {.key = "uds",
     .kind = OptionKind::kPath,
     .field = Bind<&Config::uds>(),
     .doc = "Listen on this Unix socket instead of host and port.",
     .unset = "none",
     .flags = "-u --unix-socket",
     .check = CheckSocketPath},
    {.key = "uds_mode",
     .kind = OptionKind::kText,
     .field = Bind<&Config::uds_mode>(),
     .doc = "The permissions of the Unix socket, in octal.",
     .check = CheckFileMode},
    {.key = "fd",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::fd>(),
     .doc = "Listen on this inherited descriptor instead of host and port.",
     .range = {0, 65'535},
     .unset = "none"},
    {.key = "backlog",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::backlog>(),
     .doc = "The kernel's queue of connections that are not accepted yet.",
     .range = {1, 1'000'000}},
    {.key = "shards",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::shards>(),
     .doc = "The number of threads that serve connections; 0 means one per core, or fewer if a "
            "container limits the "
            "process to fewer.",
     .range = {0, 1'024},
     .unset = "one per core",
     .flags = "-w --workers"},
    {.key = "data_dir",
     .kind = OptionKind::kPath,
     .field = Bind<&Config::data_dir>(),
     .doc = "The directory of the embedded database; it is created if it does not exist."},
    {.key = "limit_concurrency",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::limit_concurrency>(),
     .doc = "The maximum number of open connections; further ones get 503.",
     .range = {0, 100'000'000},
     .unset = "as many as the limit of open files allows (raised at start)"},
    {.key = "proxy_headers",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::proxy_headers>(),
     .doc = "Trust `X-Forwarded-Proto` and `X-Forwarded-For` from the proxies in "
            "`forwarded_allow_ips`."},
    {.key = "forwarded_allow_ips",
     .kind = OptionKind::kList,
     .field = Bind<&Config::forwarded_allow_ips>(),
     .doc = "Trusted proxies: addresses, networks (`10.0.0.0/8`), or `*` for all.",
     .check = CheckProxies},
    {.key = "allow_plain_http",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::allow_plain_http>(),
     .doc = "In production, serve requests for other hosts over plain HTTP even if no trusted "
            "proxy reports that the client used HTTPS."},
    {.key = "allowed_hosts",
     .kind = OptionKind::kList,
     .field = Bind<&Config::allowed_hosts>(),
     .doc = "Host names that this server serves; `.example.com` includes subdomains, `*` matches "
            "any name. An entry with a scheme or port (`https://a.example:8443`) restricts the "
            "Origin of WebSockets to them.",
     .unset = "development: localhost, 127.0.0.1, [::1]; production: any Host, and the Origin must "
              "match it",
     .guide = "ALLOWED_HOSTS",
     .check = CheckAllowedHosts},
    {.key = "cors_allowed_origins",
     .kind = OptionKind::kList,
     .field = Bind<&Config::cors_allowed_origins>(),
     .doc = "Origins whose pages can read responses (CORS): exact origins "
            "(`https://app.example.com`), or `*` for all, without credentials.",
     .unset = "development: the server's own origin, http://localhost and http://127.0.0.1 on any "
              "port; production: none",
     .check = CheckCorsOrigins},
    {.key = "api_prefixes",
     .kind = OptionKind::kList,
     .field = Bind<&Config::api_prefixes>(),
     .doc = "Path prefixes under which the API is served. Links in frames and in the store use the "
            "first one.",
     .check = CheckApiPrefixes},
    {.key = "task_conversations",
     .kind = OptionKind::kChoice,
     .field = Bind<&Config::task_conversations>(),
     .doc = "Who can open the conversation of a task: `participants` allows the requester, the "
            "performer and services; `service` allows only services.",
     .choices = "participants|service"},
    {.key = "access_log",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::access_log>(),
     .doc = "Log each request, without its query string.",
     .production = "off"},
    {.key = "log_level",
     .kind = OptionKind::kChoice,
     .field = Bind<&Config::log_level>(),
     .doc = "The minimum level of log lines to write.",
     .choices = "trace|debug|info|warning|error|critical"},
    {.key = "log_format",
     .kind = OptionKind::kChoice,
     .field = Bind<&Config::log_format>(),
     .doc = "Write log lines as `key=value` text or as JSON.",
     .choices = "text|json"},
    {.key = "log_lines_per_second",
     .kind = OptionKind::kNumber,
     .field = Bind<&Config::log_lines_per_second>(),
     .doc = "The maximum number of warnings and errors per second, and of other lines per second; "
            "further lines are dropped and counted in `parley_log_dropped_total`. 0: no limit.",
     .range = {0, 10'000'000}},
    {.key = "drain_delay",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::drain_delay>(),
     .doc = "After SIGTERM, keep accepting connections for this time after readiness has failed, "
            "so that load balancers stop sending new ones.",
     .range = {0, kHour},
     .production = "5s"},
    {.key = "timeout_graceful_shutdown",
     .kind = OptionKind::kDuration,
     .field = Bind<&Config::timeout_graceful_shutdown>(),
     .doc = "The maximum time from SIGTERM to exit, including `drain_delay`.",
     .range = {kSecond / 10, kHour},
     .flags = "--graceful-timeout"},
    {.key = "rate_limits",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::rate_limits>(),
     .doc = "Limit the rates of each user and each address; see [rate_limit].",
     .production = "on"},
    {.key = "test_echo",
     .kind = OptionKind::kSwitch,
     .field = Bind<&Config::test_echo>(),
     .doc = "Serve a pure echo socket at `/test/echo` for conformance suites. Never available in "
            "production."},
});

}  // namespace

std::span<const Option> NodeOptions() { return kNodeOptions; }

}  // namespace parley
