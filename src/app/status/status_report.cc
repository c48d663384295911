#include "app/status/status_report.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "protocol/json_reader.h"
#include "protocol/json_writer.h"

namespace parley {
namespace {

std::string TextOf(const simdjson::dom::object& object, const char* key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}

int64_t NumberOf(const simdjson::dom::object& object, const char* key) {
  int64_t number = 0;
  return object[key].get(number) == simdjson::SUCCESS ? number : 0;
}

bool IsSet(const simdjson::dom::object& object, const char* key) {
  bool is = false;
  return object[key].get(is) == simdjson::SUCCESS && is;
}

std::string StateOf(const simdjson::dom::object& node, const std::string& own) {
  if (IsSet(node, "other_store")) return "other store";
  if (IsSet(node, "leaving")) return "draining";
  if (NumberOf(node, "silent_ms") > kLostAfterMs) return "lost";
  return own.empty() ? "unknown" : own;
}

NodeLine LineFrom(const simdjson::dom::object& node) {
  NodeLine line;
  simdjson::dom::object status;
  if (node["status"].get(status) == simdjson::SUCCESS) {
    line.state = TextOf(status, "state");
    line.host = TextOf(status, "host");
    line.url = TextOf(status, "url");
    line.version = TextOf(status, "version");
    line.store = TextOf(status, "store");
    line.redis = TextOf(status, "redis");
    line.uptime_s = NumberOf(status, "uptime_s");
    line.connections = NumberOf(status, "connections");
    line.conversations = NumberOf(status, "conversations");
    line.queued = NumberOf(status, "store_writes_queued") + NumberOf(status, "store_reads_queued");
    line.commit_us = NumberOf(status, "commit_us");
    line.bus_lag_us = NumberOf(status, "bus_lag_us");
  }
  line.node = TextOf(node, "node");
  line.silent_ms = NumberOf(node, "silent_ms");
  line.state = StateOf(node, line.state);
  line.json = simdjson::minify(node);
  return line;
}

// "3d 4h", "5m 12s".
std::string TimeText(int64_t seconds) {
  constexpr std::array<std::pair<int64_t, char>, 4> kUnits = {
      {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  for (size_t i = 0; i < kUnits.size(); ++i) {
    const auto [size, name] = kUnits[i];
    if (seconds < size && size > 1) continue;
    std::string text = fmt::format("{}{}", seconds / size, name);
    if (size > 1) {
      const auto [next, next_name] = kUnits[i + 1];
      text += fmt::format(" {}{}", seconds % size / next, next_name);
    }
    return text;
  }
  return "";
}

std::string MillisText(int64_t micros) {
  return fmt::format("{:.1f} ms", static_cast<double>(micros) / 1000);
}

// Text of another process: only what a terminal shows.
std::string Shown(const std::string& text) {
  std::string shown = text.empty() ? "-" : text;
  for (char& c : shown) {
    if (c < ' ' || c == 0x7f) c = '?';
  }
  return shown;
}

using Row = std::array<std::string, 12>;

Row RowOf(const NodeLine& line) {
  const bool has_status = !line.version.empty();
  const auto figure = [&](const std::string& text) { return has_status ? text : "-"; };
  return {
      line.node.substr(0, 8) + ".." + line.node.substr(std::max<size_t>(4, line.node.size()) - 4),
      Shown(line.host),
      Shown(line.url),
      Shown(line.version),
      Shown(line.state),
      figure(TimeText(line.uptime_s)),
      figure(std::to_string(line.connections)),
      figure(std::to_string(line.conversations)),
      Shown(line.store),
      figure(fmt::format("{} queued, {}", line.queued, MillisText(line.commit_us))),
      line.redis == "off"
          ? "off"
          : figure(fmt::format("{}, {}", Shown(line.redis), MillisText(line.bus_lag_us))),
      line.silent_ms < 1000 ? "now" : TimeText(line.silent_ms / 1000) + " ago"};
}

}  // namespace

Result<void> StatusReport::Add(const std::string& answer) {
  JsonReader reader(8);
  const Result<JsonObject> object = reader.ParseObject(answer);
  if (!object) return Fail(object.error());
  simdjson::dom::array nodes;
  if (object->at_key("nodes").get(nodes) != simdjson::SUCCESS) {
    return Fail(ErrorCode::bad_json, "the answer has no nodes");
  }
  for (const simdjson::dom::element element : nodes) {
    simdjson::dom::object node;
    if (element.get(node) != simdjson::SUCCESS) continue;
    NodeLine line = LineFrom(node);
    const auto [at, added] = nodes_.try_emplace(line.node, line);
    if (!added && line.silent_ms < at->second.silent_ms) at->second = std::move(line);
  }
  return {};
}

bool StatusReport::healthy() const {
  return errors_.empty() && std::ranges::all_of(nodes_, [](const auto& entry) {
           return entry.second.state == "ready";
         });
}

std::string StatusReport::Table() const {
  std::vector<Row> rows;
  rows.push_back(Row{"NODE", "HOST", "ADDRESS", "VERSION", "STATE", "UPTIME", "CONNECTIONS",
                     "CONVERSATIONS", "STORE", "COMMITS", "REDIS", "SEEN"});
  for (const auto& [id, line] : nodes_) rows.push_back(RowOf(line));
  std::array<size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string StatusReport::Json() const {
  std::string text;
  JsonWriter json(text);
  json.BeginObject();
  json.Field("healthy", healthy());
  json.Key("nodes");
  json.BeginArray();
  for (const auto& [id, line] : nodes_) {
    json.BeginObject();
    json.Field("node", line.node);
    json.Field("state", line.state);
    json.Key("seen");
    json.Raw(line.json);
    json.EndObject();
  }
  json.EndArray();
  json.Key("errors");
  json.BeginArray();
  for (const auto& [url, what] : errors_) {
    json.BeginObject();
    json.Field("url", url);
    json.Field("error", what);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return text + "\n";
}

}  // namespace parley
