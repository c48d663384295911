// parley status [URL…]: prints the nodes of a cluster as a table.
#include <curl/curl.h>

#include <memory>

#include "app/commands/commands.h"
#include "app/signing_key.h"
#include "app/status/status_report.h"
#include "auth/token_minter.h"
#include "config/config_loader.h"
#include "config/config_text.h"
#include "protocol/json_reader.h"

namespace parley {
namespace {

constexpr size_t kAnswerBytes = 4 * 1024 * 1024;
constexpr long kSeconds = 5;

struct Question {
  std::string url;  // without a path
  std::string token;
  std::string unix_path = {};  // connect to this socket instead
  std::string host = {};       // Host header; empty: that of the URL
  bool is_this_machine =
      false;  // the server of this configuration: its certificate has another name
};

size_t CollectAnswer(char* data, size_t, size_t size, void* into) {
  auto& text = *static_cast<std::string*>(into);
  if (text.size() + size > kAnswerBytes) return 0;  // fails the transfer
  text.append(data, size);
  return size;
}

struct Headers {
  ~Headers() { curl_slist_free_all(list); }
  void Add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
  curl_slist* list = nullptr;
};

// What the server said, if it is an error document.
std::string DetailOf(const std::string& body) {
  JsonReader reader(8);
  const Result<JsonObject> object = reader.ParseObject(body);
  if (!object) return "";
  FieldReader fields(*object);
  const auto detail = fields.Text("detail");
  return detail ? ": " + std::string(*detail) : "";
}

// Adds the answer, or the error, to the report.
void Ask(const Question& question, StatusReport& report) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string body;
  Headers headers;
  if (!question.token.empty()) headers.Add("Authorization: Bearer " + question.token);
  if (!question.host.empty()) headers.Add("Host: " + question.host);
  std::string url = question.url;
  while (url.ends_with('/')) url.pop_back();
  url += "/status";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, kSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, CollectAnswer);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (!question.unix_path.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, question.unix_path.c_str());
  }
  if (question.is_this_machine) {
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return report.AddError(question.url, curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return report.AddError(question.url, "HTTP " + std::to_string(status) + DetailOf(body));
  }
  if (const auto added = report.Add(body); !added) {
    report.AddError(question.url, "not the status of Parley: " + added.error().detail);
  }
}

// A service token of the configured key, for the main port in production; empty if there is no such key.
std::string TokenFor(const Config& config) {
  const AuthConfig& auth = config.auth;
  const bool can_sign =
      auth.algorithm.starts_with("HS") ? !auth.secret_key.empty() : !auth.private_key.empty();
  if (!config.production() || !can_sign) return "";
  const auto key = SigningKey(config);
  const Result<std::string> token = MintToken(*key,
                                              {.user = "parley-status",
                                               .ttl = std::chrono::seconds(60),
                                               .scope = "messaging:service",
                                               .issuer = auth.issuer,
                                               .audience = auth.audience},
                                              SystemClock());
  return token.value_or("");
}

std::string AddressOf(const std::string& host, int port) {
  const bool is_any = host.empty() || host == "0.0.0.0" || host == "::";
  std::string name = is_any ? "127.0.0.1" : host;
  if (name.find(':') != std::string::npos) name = "[" + name + "]";
  return name + ":" + std::to_string(port);
}

// The server of the configuration.
Question ThisServer(const Config& config, const std::string& token) {
  Question question{.url = {}, .token = token, .is_this_machine = true};
  if (config.admin.port) {
    question.url = "http://" + AddressOf(config.admin.host, *config.admin.port);
    question.token.clear();  // the port is open
    return question;
  }
  question.url =
      (config.ssl.certfile.empty() ? "http://" : "https://") + AddressOf(config.host, config.port);
  question.unix_path = config.uds.value_or("");
  const auto& hosts = config.allowed_hosts;
  const bool is_name = !hosts.empty() && hosts[0] != "*" && !hosts[0].starts_with('.');
  if (is_name) question.host = hosts[0];
  return question;
}

}  // namespace

int RunStatusCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  std::vector<std::string> rest = args, urls;
  const bool json = std::erase(rest, "--json") > 0;
  while (!rest.empty() && !rest[0].starts_with("-")) {
    urls.push_back(rest[0]);
    rest.erase(rest.begin());
  }
  const std::vector<CommandFlag> flags = {
      {"--token", "TOKEN", "A service token; otherwise one is signed with the configured key.",
       false}};
  ConfigResult loaded = LoadConfig({rest, ProcessEnvironment(), DiskFileReader(), flags});
  if (loaded.help) {
    out << "usage: parley status [URL...] [--json] [options]; without a URL, the server of this "
           "configuration is asked\n\n"
        << OptionsHelp(flags);
    return 0;
  }
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (!loaded.ok()) return 2;
  const std::string& given = loaded.command_flags["--token"];
  const std::string token = given.empty() ? TokenFor(loaded.config) : given;
  StatusReport report;
  for (const std::string& url : urls) Ask({.url = url, .token = token}, report);
  if (urls.empty()) Ask(ThisServer(loaded.config, token), report);
  out << (json ? report.Json() : report.Table());
  for (const auto& [url, what] : report.errors()) err << "parley: " << url << ": " << what << "\n";
  return report.healthy() ? 0 : 1;
}

}  // namespace parley
