// A PostgreSQL server of the tests' own, in a directory of its own, on a Unix socket: real, with fsync,
// gone with the process.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace parley::test {

class PrivatePostgres {
 public:
  // The one of this process, started when it is first asked for. Throws std::runtime_error where
  // PostgreSQL is not installed or does not start.
  static PrivatePostgres& Get();
  static bool Installed();

  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // The URL of a database, which is made if it is not there: [a-z0-9_], at most 60 characters.
  std::string Database(const std::string& name);
  std::string UrlOf(const std::string& name) const;

 private:
  PrivatePostgres();
  void Start();

  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

}  // namespace parley::test
