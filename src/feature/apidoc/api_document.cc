#include "feature/apidoc/api_document.h"

#include <simdjson.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include "assets.h"
#include "feature/apidoc/error_responses.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kFileEnd = "_openapi.json";

// --- values of the server

// Returns the value as JSON.
std::map<std::string, std::string, std::less<>> ValuesOf(const Limits& limits) {
  const auto number = [](auto value) { return std::to_string(value); };
  return {{"version", "\"" PARLEY_VERSION "\""},
          {"content_bytes", number(limits.content_bytes)},
          {"metadata_bytes", number(limits.metadata_bytes)},
          {"title_characters", number(limits.title_characters)},
          {"client_id_characters", number(limits.client_id_characters)},
          {"content_type_characters", number(limits.content_type_characters)},
          {"body_bytes", number(limits.body_bytes)},
          {"header_bytes", number(limits.header_bytes)},
          {"token_bytes", number(limits.token_bytes)},
          {"json_depth", number(limits.json_depth)},
          {"participants", number(limits.participants)},
          {"live_participants", number(limits.live_participants)},
          {"attachment_bytes", number(limits.attachment_bytes)},
          {"attachments_per_message", number(limits.attachments_per_message)},
          {"page_default", number(limits.page_default)},
          {"page_max", number(limits.page_max)}};
}

// Replaces "${name}", including the quotes, by the value, and ${name} inside a text by the digits
// of the value.
std::string FillIn(std::string_view text, const Limits& limits) {
  const auto values = ValuesOf(limits);
  std::string out;
  for (size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${")) {
    const size_t end = text.find('}', at);
    const std::string_view name = text.substr(at + 2, end - at - 2);
    const auto value = values.find(name);
    if (value == values.end()) throw std::logic_error("no such value: " + std::string(name));
    const bool whole = at > 0 && text[at - 1] == '"' && text.substr(end + 1).starts_with('"');
    out += text.substr(0, whole ? at - 1 : at);
    out += value->second;
    text.remove_prefix(whole ? end + 2 : end + 1);
  }
  return out += text;
}

// --- documents of the features

// Merges the files: `tags` are concatenated, `paths` indexed, the sections of `components` merged,
// and other top-level members copied.
class Descriptions {
 public:
  explicit Descriptions(const Limits& limits) {
    for (const assets::Asset& asset : assets::all) {
      if (asset.name.ends_with(kFileEnd)) Read(asset, limits);
    }
  }

  void WriteTop(JsonWriter& json) const {
    for (const auto& [key, value] : top_) {
      json.Key(key);
      json.Raw(value);
    }
    json.Key("tags");
    json.BeginArray();
    for (const std::string& tag : tags_) json.Raw(tag);
    json.EndArray();
  }

  void WriteComponents(JsonWriter& json) const {
    json.Key("components");
    json.BeginObject();
    for (const auto& [section, entries] : components_) {
      json.Key(section);
      json.BeginObject();
      for (const auto& [name, value] : entries) {
        json.Key(name);
        json.Raw(value);
      }
      if (section == "schemas") WriteErrorCodes(json);
      json.EndObject();
    }
    WriteErrorResponses(json);
    json.EndObject();
  }

  using Operations = std::map<std::pair<std::string, std::string>, dom::object>;
  // By path and method, in upper case.
  const Operations& operations() const { return operations_; }

 private:
  void Read(const assets::Asset& asset, const Limits& limits) {
    parsers_.push_back(std::make_unique<dom::parser>());
    dom::object root;
    const std::string text = FillIn(asset.text, limits);
    if (parsers_.back()->parse(text).get(root) != simdjson::SUCCESS) {
      throw std::logic_error(std::string(asset.name) + " is not a JSON object");
    }
    for (const auto [key, value] : root) {
      if (key == "paths") {
        ReadPaths(value.get_object());
      } else if (key == "components") {
        ReadComponents(value.get_object());
      } else if (key == "tags") {
        for (const dom::element tag : value.get_array()) tags_.push_back(simdjson::minify(tag));
      } else {
        top_.emplace_back(key, simdjson::minify(value));
      }
    }
  }

  void ReadPaths(dom::object paths) {
    for (const auto [path, item] : paths) {
      for (const auto [name, operation] : item.get_object()) {
        std::string method(name);
        std::ranges::transform(method, method.begin(), ::toupper);
        operations_.emplace(std::pair(std::string(path), method), operation.get_object());
      }
    }
  }

  void ReadComponents(dom::object components) {
    for (const auto [section, entries] : components) {
      for (const auto [name, value] : entries.get_object()) {
        components_[std::string(section)].emplace_back(name, simdjson::minify(value));
      }
    }
  }

  std::vector<std::unique_ptr<dom::parser>> parsers_;  // operations_ point into them
  std::vector<std::pair<std::string, std::string>> top_;
  std::vector<std::string> tags_;
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> components_;
  Operations operations_;
};

// --- routes

std::set<int> CommonErrors(const Route& route, bool has_body) {
  std::set<int> statuses;
  if (route.access != Access::kOpen) statuses = {400, 401, 403, 503};
  if (route.access != Access::kOpen && route.pattern.find('{') != std::string::npos) {
    statuses.insert(404);
  }
  if (has_body) statuses.insert({400, 413, 415});
  if (route.limit != Limit::kNone) statuses.insert(429);
  return statuses;
}

void WriteResponses(JsonWriter& json, dom::element described, std::set<int> errors) {
  json.Key("responses");
  json.BeginObject();
  for (const auto [status, response] : described.get_object()) {
    json.Key(status);
    json.Raw(simdjson::minify(response));
    errors.erase(std::atoi(std::string(status).c_str()));
  }
  for (const int status : errors) {
    json.Key(std::to_string(status));
    json.BeginObject();
    json.Field("$ref", "#/components/responses/" + ErrorResponseName(status));
    json.EndObject();
  }
  json.EndObject();
}

void WriteOperation(JsonWriter& json, const Route& route, dom::object operation) {
  std::string method = route.method;
  std::ranges::transform(method, method.begin(), ::tolower);
  json.Key(method);
  json.BeginObject();
  bool has_body = false;
  for (const auto [key, value] : operation) {
    has_body = has_body || key == "requestBody";
    if (key == "responses") continue;
    json.Key(key);
    json.Raw(simdjson::minify(value));
  }
  if (route.access == Access::kOpen) {
    json.Key("security");
    json.Raw("[]");
  }
  WriteResponses(json, operation["responses"], CommonErrors(route, has_body));
  json.EndObject();
}

// One parameter per {name} of the path, defined in components.
void WritePathParameters(JsonWriter& json, const Route& route) {
  json.Key("parameters");
  json.BeginArray();
  for (const std::string& part : route.parts) {
    if (!part.starts_with('{')) continue;
    json.BeginObject();
    json.Field("$ref", "#/components/parameters/" + part.substr(1, part.size() - 2));
    json.EndObject();
  }
  json.EndArray();
}

// Groups routes by path, in the order of first appearance.
std::vector<std::pair<std::string, std::vector<const Route*>>> ByPath(
    const std::vector<const Router*>& routers) {
  std::vector<std::pair<std::string, std::vector<const Route*>>> paths;
  for (const Router* router : routers) {
    for (const auto& route : router->routes()) {
      const std::string path = DocumentPath(route->pattern);
      auto found = std::ranges::find(paths, path, [](const auto& entry) { return entry.first; });
      if (found == paths.end()) found = paths.insert(found, {path, {}});
      found->second.push_back(route.get());
    }
  }
  return paths;
}

}  // namespace

std::string DocumentPath(const std::string& pattern) {
  return pattern.starts_with("/api/") ? pattern + "/" : pattern;
}

ApiDocument DescribeApi(const std::vector<const Router*>& routers, const Limits& limits) {
  const Descriptions descriptions(limits);
  ApiDocument document;
  std::set<std::pair<std::string, std::string>> served;
  JsonWriter json(document.json);
  json.BeginObject();
  descriptions.WriteTop(json);
  json.Key("paths");
  json.BeginObject();
  for (const auto& [path, routes] : ByPath(routers)) {
    json.Key(path);
    json.BeginObject();
    WritePathParameters(json, *routes.front());
    for (const Route* route : routes) {
      const auto key = std::pair(path, route->method);
      served.insert(key);
      const auto operation = descriptions.operations().find(key);
      if (operation == descriptions.operations().end()) {
        document.undescribed.push_back(route->method + " " + path);
      } else {
        WriteOperation(json, *route, operation->second);
      }
    }
    json.EndObject();
  }
  json.EndObject();
  descriptions.WriteComponents(json);
  json.EndObject();
  for (const auto& [key, operation] : descriptions.operations()) {
    if (!served.contains(key)) document.unserved.push_back(key.second + " " + key.first);
  }
  return document;
}

}  // namespace parley
