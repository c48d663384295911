#include "loadgen/parley_dialect.h"

#include <charconv>

#include "loadgen/stamp.h"
#include "protocol/json_writer.h"

namespace parley::loadgen {
namespace {

// The text after `key`; empty if the frame does not have it.
std::string_view After(std::string_view frame, std::string_view key) {
  const size_t at = frame.find(key);
  return at == std::string_view::npos ? std::string_view() : frame.substr(at + key.size());
}

std::string_view TextAt(std::string_view rest) { return rest.substr(0, rest.find('"')); }

std::optional<int64_t> NumberAt(std::string_view rest) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

std::string ParleyDialect::Headers(const Member& member) const {
  return member.token.empty() ? "" : "Authorization: Bearer " + member.token + "\r\n";
}

std::string ParleyDialect::ResumeTarget(const Member& member, int64_t seq) const {
  return member.path + "?since=" + std::to_string(seq);
}

// The stamp names the message. The client id must name the same one: a server that delivers a content
// under another client id has mixed up two messages.
void ParleyDialect::OnMessage(Connection& connection, std::string_view frame) const {
  const auto seq = NumberAt(After(frame, "\"seq\":"));
  auto delivery = ReadStamp(frame);
  const size_t key = frame.rfind("\"client_id\":\"");
  const std::string_view client_id =
      key == frame.npos ? std::string_view() : TextAt(frame.substr(key + 13));
  const bool ours = delivery && client_id.starts_with(prefix_);
  if (seq.value_or(0) < 0) return connection.Refused("a message has a negative seq");
  if (!ours) {
    if (seq) connection.Foreign(*seq);
    return;
  }
  const std::string_view name = client_id.substr(prefix_.size());
  const size_t dash = name.find('-', 1);
  const auto sender = dash == name.npos ? std::nullopt : NumberAt(name.substr(1));
  const auto number = dash == name.npos ? std::nullopt : NumberAt(name.substr(dash + 1));
  if (sender.value_or(-1) < 0 || number.value_or(-1) < 0)
    return connection.Refused("a message has a malformed client_id");
  delivery->sender = static_cast<size_t>(*sender);
  delivery->number = static_cast<uint64_t>(*number);
  delivery->seq = seq;
  connection.Delivered(*delivery);
}

void ParleyDialect::OnText(Connection& connection, std::string_view frame) const {
  if (!frame.starts_with("{\"type\":\"")) return;
  const std::string_view type = TextAt(frame.substr(9));
  if (type == "message" && !connection.checked()) {
    connection.DeliveredUnchecked();
  } else if (type == "message") {
    OnMessage(connection, frame);
  } else if (type == "ack") {
    const auto number = NumberAt(After(frame, "\"ref\":\""));
    if (!number) return;
    const std::string_view seq = After(frame, "\"seq\":");
    connection.Acknowledged({.number = static_cast<uint64_t>(*number),
                             .duplicate = frame.find("\"duplicate\":true") != frame.npos,
                             .id = TextAt(After(frame, "\"id\":\"")),
                             .seq = seq.substr(0, seq.find_first_of(",}")),
                             .client_id = TextAt(After(frame, "\"client_id\":\""))});
  } else if (type == "connection_established") {
    connection.Ready(NumberAt(After(frame, "\"seq\":")));
  } else if (type == "resumed") {
    connection.CaughtUp();
  } else if (type == "disconnect") {
    if (frame.find("\"reconnect\":true") == frame.npos) return connection.Refused(frame);
    connection.ReconnectAfter(NumberAt(After(frame, "\"delay_ms\":")).value_or(0));
  } else if (type == "error") {
    connection.Refused(frame, NumberAt(After(frame, "\"ref\":\"")));
  }
}

void ParleyDialect::Encode(const Member&, const Outgoing& message, std::string& out) const {
  out += "{\"type\":\"message\",\"ref\":\"";
  out += std::to_string(message.number);
  out += "\",\"client_id\":\"";
  out += message.client_id;
  out += "\",\"content\":";
  AppendJsonString(out, message.content);
  out += '}';
}

}  // namespace parley::loadgen
