// parley healthcheck: asks the server with the same configuration whether it is ready, for container images
// without curl. Exit code 0: it is; 1: it is not, or it does not answer in time.
#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "app/commands/commands.h"
#include "config/config_loader.h"
#include "config/config_text.h"
#include "config/config_value.h"

namespace parley {
namespace {

constexpr auto kDeadline = std::chrono::milliseconds(3000);
// The maximum length of a response; the rest is ignored.
constexpr size_t kResponseBytes = 4096;

struct HealthUrl {
  std::string url;
  std::string unix_path;  // empty: TCP
};

// A server that listens on all addresses is also reachable over loopback.
std::string HostToAsk(const std::string& host) {
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// Probes are served on the admin port if there is one. The URL is empty if the configuration does not tell
// where the server listens.
HealthUrl HealthUrlOf(const Config& config, const std::string& path) {
  if (config.admin.port) {
    const std::string port = std::to_string(*config.admin.port);
    return {.url = "http://" + HostToAsk(config.admin.host) + ":" + port + path};
  }
  const std::string scheme = config.ssl.certfile.empty() ? "http://" : "https://";
  if (config.uds) return {.url = scheme + "localhost" + path, .unix_path = *config.uds};
  if (config.fd || config.port == 0) return {};
  return {.url = scheme + HostToAsk(config.host) + ":" + std::to_string(config.port) + path};
}

size_t CollectResponse(char* data, size_t, size_t size, void* into) {
  auto& text = *static_cast<std::string*>(into);
  text.append(data, std::min(size, kResponseBytes - text.size()));
  return size;
}

// Returns the HTTP status, or 0 with the reason in `body`.
long Ask(const HealthUrl& target, std::chrono::milliseconds deadline, std::string& body) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  const auto set = [&](auto option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, target.url.c_str());
  if (!target.unix_path.empty()) set(CURLOPT_UNIX_SOCKET_PATH, target.unix_path.c_str());
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(deadline.count()));
  // The connection stays on this machine, and the certificate is for the public name.
  set(CURLOPT_SSL_VERIFYPEER, 0L);
  set(CURLOPT_SSL_VERIFYHOST, 0L);
  set(CURLOPT_WRITEFUNCTION, CollectResponse);
  set(CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK) return status;
  body = curl_easy_strerror(code);
  return 0;
}

}  // namespace

int RunHealthcheckCommand(const std::vector<std::string>& args, std::ostream& out,
                          std::ostream& err) {
  const std::vector<CommandFlag> flags = {
      {"--probe", "NAME", "readyz (the default) or livez.", false},
      {"--timeout", "TIME", "The maximum time to wait for the answer; 3s by default.", false}};
  ConfigResult loaded = LoadConfig({args, ProcessEnvironment(), DiskFileReader(), flags});
  if (loaded.help) {
    out << OptionsHelp(flags);
    return 0;
  }
  auto& given = loaded.command_flags;
  const std::string probe = given["--probe"].empty() ? "readyz" : given["--probe"];
  if (probe != "readyz" && probe != "livez") {
    loaded.errors.push_back("--probe: '" + probe + "' is not one of readyz, livez");
  }
  auto deadline = kDeadline;
  if (!given["--timeout"].empty()) {
    const OptionRange range{.min = 1'000};
    const auto parsed = ParseOptionValue(OptionKind::kDuration, given["--timeout"], range, "");
    if (parsed) {
      deadline = std::chrono::duration_cast<std::chrono::milliseconds>(std::get<Duration>(*parsed));
    } else {
      loaded.errors.push_back("--timeout: " + parsed.error());
    }
  }
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (!loaded.ok()) return 2;
  const HealthUrl target = HealthUrlOf(loaded.config, "/" + probe);
  if (target.url.empty()) {
    err << "parley: the server's port is not configured: set --host and --port, or admin.port\n";
    return 2;
  }
  std::string body;
  const long status = Ask(target, deadline, body);
  if (status == 200) {
    out << "ok\n";
    return 0;
  }
  const std::string where = target.unix_path.empty() ? target.url : "unix:" + target.unix_path;
  err << "parley: " << where << ": "
      << (status == 0 ? body : "HTTP " + std::to_string(status) + " " + body) << "\n";
  return 1;
}

}  // namespace parley
