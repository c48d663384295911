// A Redis server for one test, on a Unix socket, without persistence. It ends with the object.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace parley::test {

class PrivateRedis {
 public:
  // Throws std::runtime_error if it does not start.
  PrivateRedis();
  ~PrivateRedis();
  PrivateRedis(const PrivateRedis&) = delete;
  PrivateRedis& operator=(const PrivateRedis&) = delete;

  static bool Installed();
  std::string url() const { return "unix://" + socket().string(); }

 private:
  std::filesystem::path socket() const { return directory_ / "redis.sock"; }

  std::filesystem::path directory_;
  pid_t process_ = -1;
};

}  // namespace parley::test
