// The answers of GET /status, merged and printed by `parley status`.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace parley {

struct NodeLine {
  std::string node;   // id
  std::string state;  // "ready", "draining", "lost", …
  std::string host, url, version, store, redis;
  int64_t uptime_s = 0, connections = 0, conversations = 0, queued = 0, commit_us = 0,
          bus_lag_us = 0, silent_ms = 0;
  std::string json;  // the node's object in the answer
};

// A node that has not announced itself for this time is shown as lost. Nodes announce themselves every 5 s.
inline constexpr int64_t kLostAfterMs = 8000;

class StatusReport {
 public:
  // Adds an answer. A node in several answers is shown as it was last heard of. Errors: bad_json.
  Result<void> Add(const std::string& answer);
  void AddError(const std::string& url, const std::string& what) {
    errors_.emplace_back(url, what);
  }

  // Returns true if there are no errors and every node is ready.
  bool healthy() const;
  const std::vector<std::pair<std::string, std::string>>& errors() const { return errors_; }
  std::string Table() const;
  std::string Json() const;

 private:
  std::map<std::string, NodeLine> nodes_;
  std::vector<std::pair<std::string, std::string>> errors_;
};

}  // namespace parley
