// Parley's WebSocket protocol, on conversation sockets. Member::path is the socket's path; a client that
// resumes appends `?since=`.
#pragma once
#include <string>

#include "loadgen/dialect.h"

namespace parley::loadgen {

class ParleyDialect final : public Dialect {
 public:
  // `prefix`: that of the client ids of this run, so that messages of other runs are not mixed up.
  explicit ParleyDialect(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string Headers(const Member& member) const override;
  std::string ResumeTarget(const Member& member, int64_t seq) const override;
  void OnText(Connection& connection, std::string_view frame) const override;
  void Encode(const Member& member, const Outgoing& message, std::string& out) const override;

 private:
  void OnMessage(Connection& connection, std::string_view frame) const;

  std::string prefix_;
};

}  // namespace parley::loadgen
