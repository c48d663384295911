#include "bench/dialects.h"

#include <charconv>
#include <stdexcept>

#include "loadgen/parley_dialect.h"
#include "loadgen/stamp.h"

namespace parley::bench {
namespace {

using loadgen::Connection, loadgen::Member, loadgen::Outgoing;

uint64_t NumberAt(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The number after a text; 0 if the text is not there.
uint64_t NumberAfter(std::string_view frame, std::string_view text) {
  const size_t at = frame.find(text);
  return at == std::string_view::npos ? 0 : NumberAt(frame.substr(at + text.size()));
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The peers' positions in a room, if they have any, are not checked.
void Deliver(Connection& connection, std::string_view frame) {
  if (!connection.checked()) return connection.DeliveredUnchecked();
  if (const auto delivery = loadgen::ReadStamp(frame)) connection.Delivered(*delivery);
}

class Raw final : public loadgen::Dialect {
 public:
  bool acknowledges() const override { return false; }
  void OnOpen(Connection& connection) const override { connection.Ready(); }
  void OnText(Connection& connection, std::string_view frame) const override {
    Deliver(connection, frame);
  }
  void Encode(const Member&, const Outgoing& message, std::string& out) const override {
    out += message.content;
  }
};

// Django Channels as the guide has it: Python's JSON has a space after each colon, and no message is
// acknowledged, so the delivery to the sender is taken as the acknowledgement.
class Guide final : public loadgen::Dialect {
 public:
  std::string Headers(const Member& member) const override {
    return "Authorization: Bearer " + member.token + "\r\n";
  }
  void OnText(Connection& connection, std::string_view frame) const override {
    if (frame.starts_with("{\"type\": \"message\",")) {
      const auto delivery = loadgen::ReadStamp(frame);
      if (delivery && delivery->sender == connection.index())
        connection.Acknowledged({.number = delivery->number});
      Deliver(connection, frame);
    } else if (frame.starts_with("{\"type\": \"connection_established\"")) {
      connection.Ready();
    } else if (frame.starts_with("{\"type\": \"error\"")) {
      connection.Refused(frame);
    }
  }
  void Encode(const Member&, const Outgoing& message, std::string& out) const override {
    out += "{\"type\":\"message\",\"content\":" + Quoted(message.content) + "}";
  }
};

// Engine.IO 4 over WebSocket. Packets: 0 open, 2 ping, 3 pong, 40 connect, 42 event, 43 ack, 44 error.
class SocketIo final : public loadgen::Dialect {
 public:
  std::string Target(const Member&) const override {
    return "/socket.io/?EIO=4&transport=websocket";
  }
  void OnOpen(Connection& connection) const override {
    const Member& member = connection.member();
    connection.Write("40{\"token\":" + Quoted(member.token) + ",\"room\":" + Quoted(member.path) +
                     "}");
  }
  void OnText(Connection& connection, std::string_view frame) const override {
    if (frame.starts_with("42[\"message\",")) {
      Deliver(connection, frame);
    } else if (frame.starts_with("43")) {
      const uint64_t number = NumberAt(frame.substr(2));
      if (frame.find("\"error\"") == frame.npos) {
        connection.Acknowledged({.number = number});
      } else {
        connection.Refused(frame, number);
      }
    } else if (frame.starts_with("40{")) {
      connection.Ready();
    } else if (frame == "2") {
      connection.Write("3");
    } else if (frame.starts_with("44")) {
      connection.Refused(frame);
    }
  }
  void Encode(const Member&, const Outgoing& message, std::string& out) const override {
    out += "42" + std::to_string(message.number) +
           "[\"message\",{\"client_id\":" + Quoted(message.client_id) +
           ",\"content\":" + Quoted(message.content) + "}]";
  }
};

// Centrifugo's JSON protocol: commands and replies are lines. Connect and subscribe are commands 1 and 2.
class Centrifugo final : public loadgen::Dialect {
 public:
  std::string Target(const Member&) const override { return "/connection/websocket"; }
  void OnOpen(Connection& connection) const override {
    const Member& member = connection.member();
    connection.Write("{\"id\":1,\"connect\":{\"token\":" + Quoted(member.token) +
                     "}}\n{\"id\":2,\"subscribe\":{\"channel\":" + Quoted(member.path) + "}}");
  }
  void OnText(Connection& connection, std::string_view frame) const override {
    while (!frame.empty()) {
      const std::string_view line = frame.substr(0, frame.find('\n'));
      OnLine(connection, line);
      frame.remove_prefix(std::min(frame.size(), line.size() + 1));
    }
  }
  void Encode(const Member& member, const Outgoing& message, std::string& out) const override {
    out += "{\"id\":" + std::to_string(message.number + kFirst) +
           ",\"publish\":{\"channel\":" + Quoted(member.path) +
           ",\"data\":{\"client_id\":" + Quoted(message.client_id) +
           ",\"content\":" + Quoted(message.content) + "}}}";
  }

 private:
  static constexpr uint64_t kFirst = 3;

  static void OnLine(Connection& connection, std::string_view line) {
    if (line == "{}") {
      connection.Write("{}");
    } else if (line.starts_with("{\"push\":")) {
      if (line.find("\"pub\":") != line.npos) Deliver(connection, line);
    } else if (line.find("\"error\":{") != line.npos) {
      const uint64_t id = NumberAfter(line, "\"id\":");
      if (id >= kFirst) return connection.Refused(line, id - kFirst);
      connection.Refused(line);
    } else if (line.starts_with("{\"id\":2,\"subscribe\":")) {
      connection.Ready();
    } else if (line.find("\"publish\":") != line.npos) {
      connection.Acknowledged({.number = NumberAfter(line, "\"id\":") - kFirst});
    }
  }
};

}  // namespace

std::unique_ptr<loadgen::Dialect> DialectNamed(const std::string& name, const std::string& prefix) {
  if (name == "raw") return std::make_unique<Raw>();
  if (name == "parley") return std::make_unique<loadgen::ParleyDialect>(prefix);
  if (name == "guide") return std::make_unique<Guide>();
  if (name == "socketio") return std::make_unique<SocketIo>();
  if (name == "centrifugo") return std::make_unique<Centrifugo>();
  throw std::runtime_error("unknown dialect " + name);
}

}  // namespace parley::bench
