// Reloads settings without a restart: on SIGHUP the secret key, the log level, log_lines_per_second and
// the certificate; the certificate also when its files change. KeyRefresher reloads key files. Threads:
// one.
#pragma once
#include <filesystem>
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
  // Called about once a second.
  void LookAtFiles();

 private:
  using Time = std::filesystem::file_time_type;
  void TakeOver();
  std::vector<Time> ChangeTimes() const;

  Node& node_;
  const std::vector<std::string> args_;
  Config running_;
  std::vector<Time> changed_at_;  // modification times of the certificate and its key
};

}  // namespace parley
