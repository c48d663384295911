#include "app/reloader.h"

#include <sys/stat.h>

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
    : node_(node), args_(std::move(args)), running_(running), stamps_(Stamps()) {}

Reloader::FileStamp Reloader::StampOf(const std::string& file) {
  struct stat found;
  if (::stat(file.c_str(), &found) != 0) return {};
  const int64_t modified = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec;
  return {found.st_dev, found.st_ino, found.st_size, modified};
}

std::vector<Reloader::FileStamp> Reloader::Stamps() const {
  if (running_.ssl.certfile.empty()) return {};
  return {StampOf(running_.ssl.certfile), StampOf(running_.ssl.keyfile)};
}

void Reloader::Reload() {
  ConfigResult fresh = LoadConfig({args_, ProcessEnvironment(), DiskFileReader()});
  if (fresh.ok()) fresh.errors = KeyErrors(fresh.config);
  for (const std::string& error : fresh.errors)
    log::error("reload failed, previous configuration kept error={}", error);
  if (!fresh.ok()) return;
  // TLS can be enabled or disabled at the start only.
  if (running_.ssl.certfile.empty() == fresh.config.ssl.certfile.empty()) {
    running_.ssl = fresh.config.ssl;
  }
  running_.auth.secret_key = fresh.config.auth.secret_key;
  running_.log_level = fresh.config.log_level;
  running_.log_lines_per_second = fresh.config.log_lines_per_second;
  TakeOver(true);
}

void Reloader::LookAtFiles() {
  if (running_.ssl.certfile.empty()) return;
  if (!errors_.empty() || Stamps() != stamps_) TakeOver(false);
}

void Reloader::TakeOver(bool always_report) {
  stamps_ = Stamps();
  log::Reconfigure(LogThreshold(running_.log_level), running_.log_lines_per_second);
  const std::vector<std::string> errors = node_.Reload(running_);
  const bool known = !errors.empty() && errors == errors_;
  errors_ = errors;
  if (known && !always_report) return;
  for (const std::string& error : errors) {
    log::error("reload failed, previous value kept error={}", error);
  }
  if (errors.empty()) log::info("reloaded");
}

}  // namespace parley
