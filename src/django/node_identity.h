// The identity of a node on the channel layer. A node that restarts with its old identity finds its
// memberships and its inbox again, instead of leaving a dead member in each group for a day.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace parley::django {

// Derives the identity from the host's name and the file `channel-layer-node` of a directory, which it
// locks. If the file cannot be used, or another process has locked it, the identity is a new one. The
// host's name tells nodes on copied disks apart. Threads: any.
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

// The identity of the node with the file's text `kept` on a host.
std::string IdentityOn(std::string_view host, std::string_view kept);

}  // namespace parley::django
