// parley trace ID: asks each node for the stages of a message that it has recorded, and prints them in the order of time.
#include <algorithm>
#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <simdjson.h>

#include "app/commands/commands.h"
#include "app/commands/url_arguments.h"
#include "app/doctor/http_client.h"
#include "app/signing_key.h"
#include "auth/token_minter.h"
#include "config/config_loader.h"
#include "config/config_text.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

using doctor::Fetch, doctor::HttpAnswer, doctor::HttpFailure, doctor::JsonText, doctor::ProbeInput;

const std::vector<CommandFlag>& TraceFlags() {
  static const std::vector<CommandFlag> flags = {
      {"--url", "URL", "A node, or its admin port; can be repeated.", false},
      {"--json", "", "Print the answers of the nodes as JSON.", false},
      {"--token-file", "FILE", "A file with a service token; otherwise one is signed.", false},
      {"--ca-file", "FILE", "PEM file of the authorities to trust, instead of the system's.",
       false}};
  return flags;
}

struct Stage {
  Timestamp at;
  std::string node, what;
};

// One node's answer, or why there is none.
struct Answered {
  std::string url, json, node, problem;
  bool unknown = false;  // the store has no such message
};

std::string ServiceToken(const Config& config) {
  const bool generated = config.auth.algorithm.starts_with("HS") && config.auth.secret_key.empty();
  std::error_code ignored;
  if (generated && !std::filesystem::exists(config.data_dir + "/dev-secret", ignored)) return "";
  const auto key = SigningKey(config);
  if (key == nullptr) return "";
  const auto token = MintToken(*key,
                               {.user = "parley-trace",
                                .ttl = std::chrono::minutes(5),
                                .scope = "messaging:service",
                                .issuer = config.auth.issuer,
                                .audience = config.auth.audience},
                               SystemClock());
  return token.value_or("");
}

Answered Ask(const ProbeInput& input, const Uuid& id) {
  Answered out{.url = input.url().url};
  try {
    const HttpAnswer answer =
        Fetch(input, {.path = "/trace/" + id.ToString(), .token = input.token});
    out.unknown = answer.status == 404 && answer.Problem() == "not_found";
    if (answer.status == 200) {
      out.json = answer.body;
      out.node = JsonText(answer.body, "/node").value_or("");
    } else {
      out.problem = answer.Describe();
    }
  } catch (const HttpFailure& failure) {
    out.problem = failure.what();
  }
  return out;
}

std::string WhatOf(const std::string& stage, bool published, const std::string& from) {
  if (stage == "committed")
    return published ? "committed; published to the other nodes" : "committed";
  if (stage == "caught_up") return "sent to one socket that was behind (resume or slow reader)";
  if (from == "this_node") return "sent to the sockets of this node";
  return "sent to the sockets of this node, received from the " + from;
}

void AddStages(const Answered& node, std::vector<Stage>& out) {
  simdjson::dom::parser parser;
  const auto document = parser.parse(node.json);
  simdjson::dom::array stages;
  if (document["stages"].get(stages) != simdjson::SUCCESS) return;
  const auto text = [](simdjson::dom::element of, const char* key) {
    std::string_view value;
    return of[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  for (const simdjson::dom::element stage : stages) {
    const auto at = ParseTimestamp(text(stage, "at"));
    bool published = false;
    if (stage["published"].get(published) != simdjson::SUCCESS) published = false;
    if (at)
      out.push_back({*at, node.url, WhatOf(text(stage, "stage"), published, text(stage, "from"))});
  }
}

void Print(const std::vector<Answered>& nodes, std::ostream& out) {
  const auto first = std::ranges::find_if(nodes, [](const Answered& n) { return !n.json.empty(); });
  const std::string& json = first->json;
  const auto text = [&](const char* name) { return JsonText(json, name).value_or(""); };
  out << "message " << text("/message_id") << " is seq "
      << doctor::JsonInt(json, "/seq").value_or(0) << " of conversation "
      << text("/conversation_id") << "\n";
  std::vector<Stage> stages;
  const auto add = [&](const char* field, const char* what) {
    if (const auto at = ParseTimestamp(text(field))) stages.push_back({*at, "", what});
  };
  add("/received_at", "received (from the id, in milliseconds)");
  add("/stored_at", "written to the store");
  add("/delivered_at", "first delivered to another user, according to the store");
  add("/read_at", "read, according to the store");
  for (const Answered& node : nodes) AddStages(node, stages);
  std::ranges::stable_sort(stages, {}, &Stage::at);
  for (const Stage& stage : stages) {
    const double millis = static_cast<double>(stage.at.micros - stages.front().at.micros) / 1000;
    out << fmt::format("{}  {:>+11.3f} ms  {}{}\n", FormatTimestamp(stage.at), millis, stage.what,
                       stage.node.empty() ? "" : "  [" + stage.node + "]");
  }
  const auto stored = ParseTimestamp(text("/stored_at"));
  for (const Answered& node : nodes) {
    const auto since = ParseTimestamp(JsonText(node.json, "/recorded_since").value_or(""));
    if (!since || !stored || *stored >= *since) continue;
    out << node.url << " has recorded stages since " << FormatTimestamp(*since)
        << " only: it started later, or has overwritten older ones\n";
  }
}

std::string JsonOf(const std::vector<Answered>& nodes) {
  std::string json;
  JsonWriter out(json);
  out.BeginArray();
  for (const Answered& node : nodes) {
    out.BeginObject();
    out.Field("url", node.url);
    if (node.json.empty()) {
      out.Field("problem", node.problem);
    } else {
      out.Key("trace");
      out.Raw(node.json);
    }
    out.EndObject();
  }
  out.EndArray();
  return json + "\n";
}

// Moves the id, URLs and --json out of the arguments.
struct TraceArguments {
  std::vector<std::string> urls, ids, rest;
  bool json = false;
};

TraceArguments TraceArgumentsIn(const std::vector<std::string>& args) {
  TraceArguments out;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--json") {
      out.json = true;
    } else if (TakeUrl(args, i, out.urls)) {
      continue;
    } else if (Uuid::Parse(arg)) {
      out.ids.push_back(arg);
    } else {
      out.rest.push_back(arg);
    }
  }
  return out;
}

std::string LocalUrl(const Config& config) {
  if (config.admin.port) return fmt::format("http://{}:{}", config.admin.host, *config.admin.port);
  return fmt::format("{}://127.0.0.1:{}", config.ssl.certfile.empty() ? "http" : "https",
                     config.port);
}

}  // namespace

int RunTraceCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  const TraceArguments given = TraceArgumentsIn(args);
  ConfigResult loaded =
      LoadConfig({given.rest, ProcessEnvironment(), DiskFileReader(), TraceFlags()});
  if (loaded.help) {
    out << OptionsHelp(TraceFlags());
    return 0;
  }
  std::vector<std::string>& errors = loaded.errors;
  if (given.ids.size() != 1) errors.push_back("trace takes the id of one message, a UUID");
  if (loaded.ok()) errors = KeyErrors(loaded.config);
  ProbeInput input{.config = loaded.config, .ca_file = loaded.command_flags["--ca-file"]};
  std::vector<std::string> urls = given.urls;
  if (urls.empty()) urls.push_back(LocalUrl(loaded.config));
  for (const std::string& url : urls) {
    if (auto target = doctor::ParseTarget(url)) {
      input.targets.push_back(*std::move(target));
    } else {
      errors.push_back("'" + url + "' is not an http or https URL without user and query");
    }
  }
  const std::string& file = loaded.command_flags["--token-file"];
  if (!file.empty()) {
    const auto token = DiskFileReader()(file);
    if (!token) errors.push_back("--token-file: cannot read " + file);
    if (token) input.token = token->substr(0, token->find_first_of("\r\n"));
  }
  for (const std::string& error : errors) err << "parley: " << error << "\n";
  if (!errors.empty()) return 2;

  if (file.empty()) input.token = ServiceToken(loaded.config);
  std::signal(SIGPIPE, SIG_IGN);
  const Uuid id = *Uuid::Parse(given.ids.front());
  std::vector<Answered> nodes;
  for (input.target = 0; input.target < input.targets.size(); ++input.target) {
    nodes.push_back(Ask(input, id));
  }
  const bool known = std::ranges::any_of(nodes, [](const Answered& n) { return !n.json.empty(); });
  if (given.json) out << JsonOf(nodes);
  for (const Answered& node : nodes) {
    if (node.unknown) err << "parley: " << node.url << " does not know the message\n";
    if (!node.unknown && node.json.empty())
      err << "parley: " << node.url << ": " << node.problem << "\n";
  }
  if (!known) return 1;
  if (!given.json) Print(nodes, out);
  return 0;
}

}  // namespace parley
