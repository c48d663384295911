// User sockets of Parley: each resumes every conversation that the greeting names, and has caught up when that
// is answered. Sends no messages.
#pragma once
#include <string>

#include "loadgen/dialect.h"

namespace parley::bench {

class UserDialect final : public loadgen::Dialect {
 public:
  bool delivers() const override { return false; }
  std::string Headers(const loadgen::Member& member) const override {
    return "Authorization: Bearer " + member.token + "\r\n";
  }
  void OnText(loadgen::Connection& connection, std::string_view frame) const override {
    const auto after = [&](std::string_view key) {
      const size_t at = frame.find(key);
      return at == frame.npos ? std::string_view() : frame.substr(at + key.size());
    };
    if (frame.starts_with("{\"type\":\"connection_established\"")) {
      connection.Ready();
      std::string_view seqs = after("\"conversations\":");
      seqs = seqs.substr(0, seqs.find('}') + 1);  // {"<id>":n,…}, without another object in it
      connection.Write("{\"type\":\"resume\",\"ref\":\"r\",\"seqs\":" + std::string(seqs) + "}");
    } else if (frame.starts_with("{\"type\":\"resumed\"")) {
      connection.CaughtUp();
    } else if (frame.starts_with("{\"type\":\"disconnect\"")) {
      connection.ReconnectAfter(
          std::atoll(std::string(after("\"delay_ms\":").substr(0, 12)).c_str()));
    } else if (frame.starts_with("{\"type\":\"error\"")) {
      connection.Refused(frame);
    }
  }
  void Encode(const loadgen::Member&, const loadgen::Outgoing&, std::string&) const override {}
};

}  // namespace parley::bench
