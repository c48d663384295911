// A server of this binary in a child process, for `parley bench` without a URL: on a free loopback port,
// with an embedded store in a scratch directory. Both end with the object.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace parley::bench {

class LocalServer {
 public:
  // Errors: std::runtime_error if it is not ready within 20 s.
  explicit LocalServer(const std::string& secret);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  pid_t pid() const { return child_; }
  // Resident memory in bytes; 0 if the process has ended.
  uint64_t ResidentBytes() const;
  // CPU time of each thread name, in nanoseconds; threads of one name are added up. Empty if the process has ended.
  std::map<std::string, uint64_t> CpuNanos() const;

 private:
  void Start(const std::string& secret);
  void Stop();

  std::filesystem::path directory_;
  uint16_t port_ = 0;
  pid_t child_ = -1;
};

}  // namespace parley::bench
