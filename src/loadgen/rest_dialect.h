// Requests of Parley's REST interface over keep-alive connections, one at a time on each. The time from
// due to answered is the acknowledgement's.
#pragma once
#include <string>
#include <vector>

#include "loadgen/dialect.h"

namespace parley::loadgen {

struct RestRequest {
  size_t kind = 0;  // index into the names
  std::string path;
  std::string conversation = {};  // not empty: POST a message to it
};

class RestDialect final : public Dialect {
 public:
  // `requests`: a row for each member, which sends its requests in turn.
  RestDialect(std::vector<std::string> names, std::vector<std::vector<RestRequest>> requests)
      : names_(std::move(names)), requests_(std::move(requests)) {}

  Framing framing() const override { return Framing::kBytes; }
  bool delivers() const override { return false; }
  bool one_at_a_time() const override { return true; }
  std::vector<std::string> kinds() const override { return names_; }
  void OnOpen(Connection& connection) const override { connection.Ready(); }
  size_t OnBytes(Connection& connection, std::string_view data) const override;
  void Encode(const Member& member, const Outgoing& message, std::string& out) const override;

 private:
  const RestRequest& RequestOf(size_t member, uint64_t number) const;

  std::vector<std::string> names_;
  std::vector<std::vector<RestRequest>> requests_;
};

}  // namespace parley::loadgen
