// Cross-site WebSocket hijacking and DNS rebinding: which pages can reach the server from a browser.
#include "http/site_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/http_request.h"

namespace parley {
namespace {

using test::Headers;
using test::MakeRequest;

const Peer kRemote{.address = "203.0.113.9", .loopback = false};

bool Passes(const std::optional<Error>& error, ErrorCode expected) {
  EXPECT_EQ(error ? error->code : expected, expected);
  return !error;
}

// --- Origin ---------------------------------------------------------------------------------------

struct OriginRow {
  const char* host;
  const char* origin;
  bool passes;
};

void CheckOrigins(const SitePolicy& policy, std::initializer_list<OriginRow> rows) {
  for (const OriginRow& row : rows) {
    const Request request =
        MakeRequest("GET", "/ws/messaging/", {{"Host", row.host}, {"Origin", row.origin}});
    EXPECT_EQ(Passes(policy.CheckOrigin(request), ErrorCode::foreign_origin), row.passes)
        << "host " << row.host << ", origin " << row.origin;
  }
}

TEST(OriginTest, ProductionAllowsListedOriginsAndItsOwn) {
  const SitePolicy policy({.production = true, .allowed_hosts = {"example.com", ".wide.org"}});
  CheckOrigins(policy, {
                           {"example.com", "https://example.com", true},
                           {"example.com", "http://example.com", true},
                           {"example.com", "https://example.com:443", true},
                           {"example.com", "https://example.com:8443", true},
                           {"example.com", "HTTPS://Example.COM", true},
                           {"example.com", "https://example.com.", true},
                           {"example.com", "https://wide.org", true},
                           {"example.com", "https://a.b.wide.org", true},
                           {"other.net", "https://other.net", true},  // its own page
                           {"example.com", "null", false},
                           {"example.com", "", false},
                           {"example.com", "https://", false},
                           {"example.com", "example.com", false},
                           {"example.com", "//example.com", false},
                           {"example.com", "https://evil-example.com", false},
                           {"example.com", "https://example.com.evil", false},
                           {"example.com", "https://example.com.evil.com", false},
                           {"example.com", "https://evilexample.com", false},
                           {"example.com", "https://evil.example.com", false},
                           {"example.com", "https://example.co", false},
                           {"example.com", "https://xample.com", false},
                           {"example.com", "https://evilwide.org", false},
                           {"example.com", "https://wide.org.evil.com", false},
                           {"example.com", "https://example.com@evil.com", false},
                           {"example.com", "https://user@example.com", false},
                           {"example.com", "https://example.com:pw@evil.com", false},
                           {"example.com", "https://evil.com/example.com", false},
                           {"example.com", "https://evil.com#example.com", false},
                           {"example.com", "https://evil.com?example.com", false},
                           {"example.com", "https://evil.com\\example.com", false},
                           {"example.com", "https://example.com/", false},
                           {"example.com", "https://example.com https://evil.com", false},
                           {"example.com", "https://example.com,https://evil.com", false},
                           {"example.com", "https://example.com:443:443", false},
                           {"example.com", "https://example.com:4x3", false},
                           {"example.com", "https://example.com:123456", false},
                           {"example.com", "https://example.com..", false},
                           {"example.com", "https://ex\xC3\xA4mple.com", false},
                           {"example.com", "https://xn--exmple-cua.com", false},
                           {"example.com", "https://example%2ecom", false},
                           {"example.com", "file://example.com", false},
                           {"example.com", "ftp://example.com", true},
                           {"example.com", "capacitor://example.com:1", true},
                           {"example.com", "://example.com", false},
                           {"example.com", "https://localhost", false},
                           {"example.com", "https://127.0.0.1", false},
                           {"example.com", "https://[::1]", false},
                       });
}

// Proves: Origin
TEST(OriginTest, ProductionWithoutAListAllowsItsOwnOriginOnly) {
  const SitePolicy policy({.production = true});
  CheckOrigins(policy, {
                           {"example.com", "https://example.com", true},
                           {"EXAMPLE.com:443", "https://example.COM", true},
                           {"example.com:8000", "http://example.com:8000", true},
                           {"example.com:80", "http://example.com", true},
                           {"[2001:db8::1]:8000", "http://[2001:db8::1]:8000", true},
                           {"example.com:8000", "http://example.com:8001", false},
                           {"example.com:8000", "http://example.com", false},
                           {"example.com", "https://evil.com", false},
                           {"example.com", "http://localhost", false},
                           {"example.com", "http://127.0.0.1", false},
                           {"[2001:db8::1]", "http://[2001:db8::2]", false},
                           {"[2001:db8::1]", "http://[2001:db8::1", false},
                           {"[2001:db8::1]", "http://[2001:db8::1]evil.com", false},
                           {"[2001:db8::1]", "http://2001:db8::1", false},
                           {"not a host", "https://not a host", false},
                       });
}

TEST(OriginTest, DevelopmentAllowsLocalOriginsOnAnyPortOnly) {
  const SitePolicy policy({});
  CheckOrigins(policy, {
                           {"localhost:8000", "http://localhost:8000", true},
                           {"localhost:8000", "http://localhost:5173", true},
                           {"127.0.0.1:8000", "http://localhost:5173", true},
                           {"localhost:8000", "http://app.localhost:3000", true},
                           {"localhost:8000", "http://[::1]:3000", true},
                           {"localhost:8000", "null", false},
                           {"localhost:8000", "https://evil.com", false},
                           {"localhost:8000", "https://localhost.evil.com", false},
                           {"localhost:8000", "https://evillocalhost", false},
                           {"localhost:8000", "https://127.0.0.1.evil.com", false},
                           {"localhost:8000", "https://127.0.0.1.nip.io", false},
                           {"localhost:8000", "https://user@localhost", false},
                           {"localhost:8000", "https://0x7f.1", false},
                       });
}

TEST(OriginTest, AMissingOriginIsAllowedAndTwoAreRejected) {
  const SitePolicy policy({.production = true, .allowed_hosts = {"example.com"}});
  EXPECT_FALSE(policy.CheckOrigin(MakeRequest("GET", "/", {{"Host", "example.com"}})));
  for (const char* second : {"https://example.com", "https://evil.com"}) {
    const Request request = MakeRequest(
        "GET", "/",
        {{"Host", "example.com"}, {"Origin", "https://example.com"}, {"Origin", second}});
    EXPECT_FALSE(Passes(policy.CheckOrigin(request), ErrorCode::foreign_origin));
  }
}

TEST(OriginTest, AWildcardAllowsEveryOriginIncludingNullAndFile) {
  const SitePolicy policy({.production = true, .allowed_hosts = {"*"}});
  CheckOrigins(policy, {{"example.com", "https://anything.net", true},
                        {"example.com", "null", true},
                        {"example.com", "file://", true}});
}

TEST(OriginTest, WebViewsAreAllowedIfLocalhostIs) {
  const std::initializer_list<OriginRow> rows = {{"localhost", "capacitor://localhost", true},
                                                 {"localhost", "ionic://localhost", true},
                                                 {"localhost", "tauri://localhost", true},
                                                 {"localhost", "https://localhost:444", true},
                                                 {"localhost", "file://", false},
                                                 {"localhost", "file://localhost", false},
                                                 {"localhost", "null", false}};
  CheckOrigins(SitePolicy({.production = true, .allowed_hosts = {"localhost"}}), rows);
  CheckOrigins(SitePolicy({}), rows);
  CheckOrigins(SitePolicy({.production = true, .allowed_hosts = {"example.com"}}),
               {{"example.com", "capacitor://localhost", false}});
}

TEST(OriginTest, AnEntryWithASchemeOrPortAllowsNoOther) {
  const SitePolicy policy({.production = true,
                           .allowed_hosts = {"https://a.example", "https://b.example:8443",
                                             "c.example:8000", "http://.d.example"}});
  CheckOrigins(policy, {{"api.example", "https://a.example", true},
                        {"api.example", "https://a.example:443", true},
                        {"api.example", "https://a.example:8443", false},
                        {"api.example", "http://a.example", false},
                        {"api.example", "http://a.example:443", false},
                        {"api.example", "https://b.example:8443", true},
                        {"api.example", "https://b.example", false},
                        {"api.example", "http://c.example:8000", true},
                        {"api.example", "https://c.example:8000", true},
                        {"api.example", "https://c.example", false},
                        {"api.example", "http://x.d.example", true},
                        {"api.example", "https://x.d.example", false}});
  EXPECT_FALSE(policy.CheckRequest(MakeRequest("GET", "/x", {{"Host", "c.example:8000"}})));
  EXPECT_FALSE(policy.CheckRequest(MakeRequest("GET", "/x", {{"Host", "b.example"}})));
}

TEST(OriginTest, DevelopmentRejectsOriginsOfOtherAddresses) {
  CheckOrigins(SitePolicy({}), {{"localhost:8000", "http://203.0.113.9", false},
                                {"127.0.0.1:8000", "http://[2001:db8::9]:8000", false},
                                {"192.168.1.20:8000", "http://192.168.1.20:8000", true}});
}

// --- Host -----------------------------------------------------------------------------------------

struct HostRow {
  const char* host;
  bool passes;
};

void CheckHosts(const SitePolicy& policy, std::initializer_list<HostRow> rows) {
  for (const HostRow& row : rows) {
    const Request request = MakeRequest("GET", "/api/messaging/", {{"Host", row.host}});
    EXPECT_EQ(Passes(policy.CheckRequest(request), ErrorCode::bad_host), row.passes) << row.host;
  }
}

TEST(HostTest, ListedHostsAreAllowedInAnyCaseAndOnAnyPort) {
  const SitePolicy policy({.allowed_hosts = {"Example.com", ".wide.org", "[2001:db8::1]"}});
  CheckHosts(policy, {{"example.com", true},
                      {"EXAMPLE.COM:8000", true},
                      {"example.com.", true},
                      {"wide.org", true},
                      {"a.b.wide.org", true},
                      {"[2001:DB8::1]:80", true},
                      {"", false},
                      {"evil.com", false},
                      {"evil-example.com", false},
                      {"example.com.evil", false},
                      {"sub.example.com", false},
                      {"evilwide.org", false},
                      {"user@example.com", false},
                      {"example.com/", false},
                      {"example.com:80:80", false},
                      {"example.com:http", false},
                      {"example.com, evil.com", false},
                      {"[2001:db8::1", false},
                      {"[2001:db8::1]evil", false},
                      {"[evil.com]", false},
                      {"localhost", false}});
}

TEST(HostTest, DevelopmentAllowsLocalHostsOnly) {
  const SitePolicy policy({});
  CheckHosts(policy, {{"localhost:8000", true},
                      {"LocalHost", true},
                      {"app.localhost", true},
                      {"127.0.0.1:8000", true},
                      {"[::1]:8000", true},
                      {"192.168.1.20", true},
                      {"rebound.evil.com", false},
                      {"localhost.evil.com", false},
                      {"127.0.0.1.evil.com", false},
                      {"127.1", false},
                      {"2130706433", false}});
}

TEST(HostTest, ExactlyOneHostIsRequiredExceptInHttp10) {
  const SitePolicy policy({});
  const auto check = [&](const Headers& headers, unsigned version) {
    const Request request =
        MakeRequest("GET", "/x", headers, "", {.address = "", .loopback = true}, version);
    return Passes(policy.CheckRequest(request), ErrorCode::bad_host);
  };
  EXPECT_FALSE(check({}, 11));
  EXPECT_TRUE(check({}, 10));
  EXPECT_FALSE(check({{"Host", "localhost"}, {"Host", "localhost"}}, 11));
  EXPECT_FALSE(check({{"Host", "localhost"}, {"Host", "evil.com"}}, 10));
}

TEST(HostTest, ProbesAreAnsweredForAnyHost) {
  const SitePolicy policy({.production = true, .allowed_hosts = {"example.com"}});
  for (const char* path : {"/livez", "/readyz", "/livez/"}) {
    EXPECT_FALSE(policy.CheckRequest(MakeRequest("GET", path, {}, "", kRemote))) << path;
  }
  EXPECT_TRUE(policy.CheckRequest(MakeRequest("GET", "/metrics", {}, "", kRemote)));
}

// --- HTTPS ----------------------------------------------------------------------------------------

bool HttpsPasses(const SiteOptions& options, const Headers& more, const Peer& peer) {
  Headers headers = {{"Host", "example.com"}};
  headers.insert(headers.end(), more.begin(), more.end());
  const SitePolicy policy(options);
  return Passes(policy.CheckRequest(MakeRequest("GET", "/x", headers, "", peer)),
                ErrorCode::https_required);
}

// Proves: production: plain HTTP
TEST(HttpsTest, ProductionAllowsPlainHttpFromItsOwnHostOnly) {
  EXPECT_TRUE(HttpsPasses({.production = true}, {}, {.address = "127.0.0.1", .loopback = true}));
  EXPECT_FALSE(HttpsPasses({.production = true}, {}, kRemote));
  EXPECT_TRUE(HttpsPasses({.production = true, .allow_plain_http = true}, {}, kRemote));
  EXPECT_TRUE(HttpsPasses({.allowed_hosts = {"example.com"}}, {}, kRemote));
}

// Proves: --proxy-headers, --forwarded-allow-ips
TEST(HttpsTest, XForwardedProtoIsUsedFromTrustedProxiesOnly) {
  const Headers says_https = {{"X-Forwarded-Proto", "https"}};
  SiteOptions options{.production = true};
  EXPECT_FALSE(HttpsPasses(options, says_https, kRemote));
  options.trust_proxy_headers = true;
  EXPECT_FALSE(HttpsPasses(options, says_https, kRemote));
  options.trusted_proxies = {"203.0.113.10"};
  EXPECT_FALSE(HttpsPasses(options, says_https, kRemote));
  options.trusted_proxies = {"203.0.113.10", "203.0.113.9"};
  EXPECT_TRUE(HttpsPasses(options, says_https, kRemote));
  EXPECT_FALSE(HttpsPasses(options, {}, kRemote));
  EXPECT_FALSE(HttpsPasses(options, {{"X-Forwarded-Proto", "http"}}, kRemote));
  options.trusted_proxies = {"*"};
  EXPECT_TRUE(HttpsPasses(options, says_https, kRemote));
  options.trust_proxy_headers = false;
  EXPECT_FALSE(HttpsPasses(options, says_https, kRemote));
}

TEST(HttpsTest, ALocalProxyThatForwardsHttpIsNotHttps) {
  SiteOptions options{
      .production = true, .trust_proxy_headers = true, .trusted_proxies = {"127.0.0.1", "::1"}};
  const Peer loopback{.address = "127.0.0.1", .loopback = true}, unix_socket{.loopback = true};
  for (const Peer& peer : {loopback, unix_socket}) {
    for (const char* http : {"http", "HTTP", "Http", "ws", "https, http"}) {
      EXPECT_FALSE(HttpsPasses(options, {{"X-Forwarded-Proto", http}}, peer)) << http;
    }
    for (const char* https : {"https", "HTTPS", "wss"}) {
      EXPECT_TRUE(HttpsPasses(options, {{"X-Forwarded-Proto", https}}, peer)) << https;
    }
    EXPECT_TRUE(HttpsPasses(options, {}, peer));
  }
  options.allow_plain_http = true;
  EXPECT_TRUE(HttpsPasses(options, {{"X-Forwarded-Proto", "http"}}, loopback));
  options = {.production = true, .trust_proxy_headers = false, .trusted_proxies = {"127.0.0.1"}};
  EXPECT_TRUE(HttpsPasses(options, {{"X-Forwarded-Proto", "http"}}, loopback));
  options = {.production = true, .trust_proxy_headers = true, .trusted_proxies = {"10.0.0.1"}};
  EXPECT_TRUE(HttpsPasses(options, {{"X-Forwarded-Proto", "http"}}, loopback));
}

// --- the client's address -------------------------------------------------------------------------

TEST(ClientAddressTest, IsTheRightmostUntrustedAddressBehindTrustedProxies) {
  const SitePolicy policy(
      {.trust_proxy_headers = true, .trusted_proxies = {"10.0.0.0/8", "127.0.0.1"}});
  const auto client = [&](const char* forwarded, const char* peer) {
    return policy.ClientAddress(
        MakeRequest("GET", "/x", {{"X-Forwarded-For", forwarded}}, "", {.address = peer}));
  };
  EXPECT_EQ(client("198.51.100.7", "203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(client("198.51.100.7", "10.0.0.1"), "198.51.100.7");
  EXPECT_EQ(client("1.1.1.1, 198.51.100.7, 10.2.3.4", "10.0.0.1"), "198.51.100.7");
  EXPECT_EQ(client("10.9.9.9, 10.2.3.4", "10.0.0.1"), "10.9.9.9");
  EXPECT_EQ(client("198.51.100.7:4711", "10.0.0.1"), "198.51.100.7");
  EXPECT_EQ(client("[2001:DB8::1]:4711", "10.0.0.1"), "2001:db8::1");
  EXPECT_EQ(client("::ffff:198.51.100.7", "10.0.0.1"), "198.51.100.7");
  EXPECT_EQ(client("1.1.1.1, unknown", "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client("evil user=root", "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client("", "10.0.0.1"), "10.0.0.1");
}

TEST(HttpsTest, TlsOfTheServerNeedsNoProxy) {
  EXPECT_TRUE(HttpsPasses({.production = true}, {}, {.address = "203.0.113.9", .tls = true}));
}

// Proves: --proxy-headers, --forwarded-allow-ips
TEST(HttpsTest, AProxyMayBeConfiguredByItsNetwork) {
  const auto trusted = [](const char* network, const char* address) {
    return HttpsPasses(
        {.production = true, .trust_proxy_headers = true, .trusted_proxies = {network}},
        {{"X-Forwarded-Proto", "https"}}, {.address = address});
  };
  EXPECT_TRUE(trusted("203.0.113.9", "203.0.113.9"));
  EXPECT_TRUE(trusted("203.0.113.8/31", "203.0.113.9"));
  EXPECT_TRUE(trusted("203.0.113.9/32", "203.0.113.9"));
  EXPECT_TRUE(trusted("203.0.0.0/13", "203.7.255.255"));
  EXPECT_TRUE(trusted("0.0.0.0/0", "198.51.100.1"));
  EXPECT_TRUE(trusted("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_TRUE(trusted("2001:DB8::1", "2001:db8:0::1"));
  EXPECT_FALSE(trusted("203.0.113.8/31", "203.0.113.10"));
  EXPECT_FALSE(trusted("203.0.0.0/13", "203.8.0.0"));
  EXPECT_FALSE(trusted("203.0.113.9/32", "203.0.113.8"));
  EXPECT_FALSE(trusted("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_FALSE(trusted("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(trusted("203.0.113.9/33", "203.0.113.9"));
  EXPECT_FALSE(trusted("203.0.113.9/-1", "203.0.113.9"));
  EXPECT_FALSE(trusted("203.0.113.9/", "203.0.113.9"));
  EXPECT_FALSE(trusted("proxy.example.com", "203.0.113.9"));
}

// A proxy that appends to the header keeps the client's values before its own.
TEST(HttpsTest, EveryForwardedProtoMustBeHttps) {
  const SiteOptions options{
      .production = true, .trust_proxy_headers = true, .trusted_proxies = {"*"}};
  EXPECT_FALSE(HttpsPasses(options, {{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http"}},
                           kRemote));
  EXPECT_FALSE(HttpsPasses(options, {{"X-Forwarded-Proto", "https, http"}}, kRemote));
}

}  // namespace
}  // namespace parley
