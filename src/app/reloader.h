// What a running node takes over without a restart: on SIGHUP the configuration's secret key, log level
// and certificate; the certificate also when its files change. Key files are followed by KeyRefresher.
// One thread.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/config_loader.h"
#include "app/node.h"
#include "base/log.h"

namespace parley {

spdlog::level::level_enum SpdlogLevel(LogLevel level);

class Reloader {
 public:
  // `args`: as the command line gave them. `running`: what the node runs with.
  Reloader(Node& node, std::vector<std::string> args, const Config& running);

  // Reads all settings again. Where they do not pass the checks of a start, nothing changes, and the
  // log says why.
  void Reload();
  // To be called every second or so.
  void LookAtFiles();

 private:
  using Time = std::filesystem::file_time_type;
  void TakeOver();
  std::vector<Time> ChangeTimes() const;

  Node& node_;
  const std::vector<std::string> args_;
  Config running_;
  std::vector<Time> changed_at_;  // of the certificate and its key
};

}  // namespace parley
