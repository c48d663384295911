// Reloads settings without a restart: on SIGHUP the secret key, the log level, log_lines_per_second and
// the certificate; the certificate also when its files change. KeyRefresher reloads key files. Threads:
// one.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/node.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_loader.h"

namespace parley {

log::Level LogThreshold(LogLevel level);

class Reloader {
 public:
  // `args`: the command line. `running`: the node's current configuration.
  Reloader(Node& node, std::vector<std::string> args, const Config& running);

  // Loads the configuration again. If it does not pass the checks of a start, nothing changes and the
  // errors are logged.
  void Reload();
  // Called about once a second. Reloads changed files, and retries files that were invalid: their writer
  // may not have finished.
  void LookAtFiles();

 private:
  // Differs between two versions of a file, also if a symbolic link is replaced.
  struct FileStamp {
    uint64_t device = 0, inode = 0;
    int64_t size = 0, modified = 0;  // nanoseconds since the epoch
    bool operator==(const FileStamp&) const = default;
  };
  // `always_report`: logs errors even if they are those of the previous attempt.
  void TakeOver(bool always_report);
  static FileStamp StampOf(const std::string& file);
  std::vector<FileStamp> Stamps() const;

  Node& node_;
  const std::vector<std::string> args_;
  Config running_;
  std::vector<FileStamp> stamps_;    // of the certificate and its key
  std::vector<std::string> errors_;  // of the last attempt
};

}  // namespace parley
