#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include "base/clock.h"
#include "base/controls.h"

namespace parley::log {
namespace {

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto since_epoch = message.time.time_since_epoch();
    const Timestamp time{std::chrono::duration_cast<Duration>(since_epoch).count()};
    const std::string_view level(spdlog::level::to_string_view(message.level).data(),
                                 spdlog::level::to_string_view(message.level).size());
    std::string line;
    if (json_) {
      line.append(R"({"time":")").append(FormatTimestamp(time)).append(R"(","level":")");
      line.append(level).append(R"(","message":")");
      Escape(line, {message.payload.data(), message.payload.size()});
      line.append("\"}\n");
    } else {
      line.append(FormatTimestamp(time)).append(" ").append(level).append(" ");
      Escape(line, {message.payload.data(), message.payload.size()});
      line.append("\n");
    }
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  void Escape(std::string& line, std::string_view text) const {
    while (!text.empty()) {
      const ControlCharacter control = ControlAt(text);
      if (control.size > 0) {
        line.append(fmt::format("\\u{:04x}", control.code));
        text.remove_prefix(control.size);
        continue;
      }
      if (json_ && (text[0] == '"' || text[0] == '\\')) line += '\\';
      line += text[0];
      text.remove_prefix(1);
    }
  }
  const bool json_;
};

}  // namespace

void SetUp(spdlog::level::level_enum level, bool json) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("parley", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(json));
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace parley::log
