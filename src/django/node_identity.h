// The identity of a node on the channel layer. A node that restarts with its old identity finds its
// memberships and its inbox again, instead of leaving a dead member in each group for a day.
#pragma once
#include <filesystem>
#include <string>

namespace parley::django {

// Holds the identity in the file `channel-layer-node` of a directory, which it locks. If the file
// cannot be used, or another process has locked it, the identity is a new one. Threads: any.
class NodeIdentity {
 public:
  explicit NodeIdentity(const std::filesystem::path& directory);
  ~NodeIdentity();
  NodeIdentity(const NodeIdentity&) = delete;
  NodeIdentity& operator=(const NodeIdentity&) = delete;

  const std::string& hex() const { return hex_; }  // 32 hexadecimal digits

 private:
  int file_ = -1;
  std::string hex_;
};

}  // namespace parley::django
