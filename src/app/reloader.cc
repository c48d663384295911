#include "app/reloader.h"

#include <system_error>

#include "app/signing_key.h"

namespace parley {

log::Level LogThreshold(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return log::Level::trace;
    case LogLevel::kDebug:
      return log::Level::debug;
    case LogLevel::kInfo:
      return log::Level::info;
    case LogLevel::kWarning:
      return log::Level::warn;
    case LogLevel::kError:
      return log::Level::err;
    case LogLevel::kCritical:
      return log::Level::critical;
  }
  return log::Level::info;
}

Reloader::Reloader(Node& node, std::vector<std::string> args, const Config& running)
    : node_(node), args_(std::move(args)), running_(running), changed_at_(ChangeTimes()) {}

std::vector<Reloader::Time> Reloader::ChangeTimes() const {
  std::vector<Time> times;
  for (const std::string& file : {running_.ssl.certfile, running_.ssl.keyfile}) {
    std::error_code error;
    if (!file.empty()) times.push_back(std::filesystem::last_write_time(file, error));
  }
  return times;
}

void Reloader::Reload() {
  ConfigResult fresh = LoadConfig({args_, ProcessEnvironment(), DiskFileReader()});
  if (fresh.ok()) fresh.errors = KeyErrors(fresh.config);
  for (const std::string& error : fresh.errors)
    log::error("reload failed, previous configuration kept error=\"{}\"", error);
  if (!fresh.ok()) return;
  // TLS can be enabled or disabled at the start only.
  if (running_.ssl.certfile.empty() == fresh.config.ssl.certfile.empty()) {
    running_.ssl = fresh.config.ssl;
  }
  running_.auth.secret_key = fresh.config.auth.secret_key;
  running_.log_level = fresh.config.log_level;
  running_.log_lines_per_second = fresh.config.log_lines_per_second;
  TakeOver();
}

void Reloader::LookAtFiles() {
  if (!running_.ssl.certfile.empty() && ChangeTimes() != changed_at_) TakeOver();
}

void Reloader::TakeOver() {
  changed_at_ = ChangeTimes();
  log::Reconfigure(LogThreshold(running_.log_level), running_.log_lines_per_second);
  const std::vector<std::string> errors = node_.Reload(running_);
  for (const std::string& error : errors) {
    log::error("reload failed, previous value kept error=\"{}\"", error);
  }
  if (errors.empty()) log::info("reloaded");
}

}  // namespace parley
