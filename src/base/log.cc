#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/controls.h"
#include "base/log_queue.h"

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

// The maximum bytes queued for a sink that accepts no output.
constexpr size_t kQueueBytes = 1024 * 1024;

// Never destroyed: threads may log until the process ends. Null before SetUp.
Queue* queue = nullptr;

class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    queue->Push({line.data(), line.size()});
  }
  void flush_() override {}
};

}  // namespace

uint64_t Dropped() { return queue == nullptr ? 0 : queue->dropped(); }

void Flush(std::chrono::milliseconds limit) {
  if (queue != nullptr) queue->Flush(limit);
}

void SetUp(spdlog::level::level_enum level, bool json) {
  if (queue == nullptr) queue = new Queue(STDERR_FILENO, kQueueBytes);
  auto sink = std::make_shared<QueueSink>();
  auto logger = std::make_shared<spdlog::logger>("parley", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(json));
  logger->set_level(level);
  spdlog::set_default_logger(std::move(logger));
}

void SetLevel(spdlog::level::level_enum level) { spdlog::default_logger_raw()->set_level(level); }

}  // namespace parley::log
