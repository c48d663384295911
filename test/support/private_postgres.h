// A PostgreSQL server for the tests of this process, in a private directory on a Unix socket, with
// fsync. It ends with the process.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

namespace parley::test {

class PrivatePostgres {
 public:
  // Returns the server of this process, and starts it on the first call. Throws std::runtime_error if
  // PostgreSQL is not installed or does not start.
  static PrivatePostgres& Get();
  static bool Installed();

  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // Returns the URL of a database, and creates it if necessary. `name`: [a-z0-9_], at most 60 characters.
  std::string Database(const std::string& name);
  std::string UrlOf(const std::string& name) const;

 private:
  PrivatePostgres();
  void Start();

  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

}  // namespace parley::test
