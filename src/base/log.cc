#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/log_line.h"
#include "base/log_queue.h"
#include "base/mutex.h"

namespace parley::log {
namespace {

// The maximum bytes queued for a sink that accepts no output.
constexpr size_t kQueueBytes = 1024 * 1024;

struct State {
  explicit State(bool as_json) : json(as_json), queue(STDERR_FILENO, kQueueBytes) {}
  const bool json;
  Queue queue;
  Mutex mutex;
  Limit limit GUARDED_BY(mutex);
  std::atomic<uint64_t> over{0};  // lines beyond the limit
  uint64_t reported GUARDED_BY(mutex) = 0;
};

std::atomic<int> threshold{Level::info};
// Never destroyed: threads may log until the process ends. Null before SetUp.
std::atomic<State*> state{nullptr};

std::string Encode(const Line& line, Level level, bool json) {
  const spdlog::string_view_t name = spdlog::level::to_string_view(level);
  const std::string_view word(name.data(), name.size());
  const Timestamp now = SystemClock().Now();
  return json ? ToJson(line, now, word) : ToText(line, now, word);
}

void WriteRepeats(State& log, bool all) {
  std::vector<Limit::Repeats> repeats;
  {
    const MutexLock lock(log.mutex);
    repeats = log.limit.TakeRepeats(SystemClock().Steady(), all);
    const uint64_t over = log.over.load(std::memory_order_relaxed);
    if (over > log.reported) {
      const Line line{"log lines dropped: more than log_lines_per_second",
                      {{"lines", std::to_string(over - log.reported), true}}};
      log.queue.Push(Encode(line, Level::warn, log.json));
      log.reported = over;
    }
  }
  for (Limit::Repeats& one : repeats) {
    one.line.fields.push_back({"repeated", std::to_string(one.count), true});
    log.queue.Push(Encode(one.line, static_cast<Level>(one.level), log.json));
  }
}

}  // namespace

bool Enabled(Level level) { return level >= threshold.load(std::memory_order_relaxed); }

void Write(Level level, std::string_view format, fmt::format_args args,
           std::span<const bool> numbers) {
  const Line line = FormatLine(format, args, numbers);
  State* const log = state.load(std::memory_order_acquire);
  if (log == nullptr) {
    const std::string text = Encode(line, level, false);
    std::fwrite(text.data(), 1, text.size(), stderr);
    return;
  }
  const bool severe = level >= Level::warn;
  {
    const MutexLock lock(log->mutex);
    switch (log->limit.Take(line, level, severe, SystemClock().Steady())) {
      case Limit::Verdict::kWrite:
        break;
      case Limit::Verdict::kRepeated:
        return;
      case Limit::Verdict::kOver:
        log->over.fetch_add(1, std::memory_order_relaxed);
        return;
    }
  }
  log->queue.Push(Encode(line, level, log->json));
}

uint64_t Dropped() {
  const State* const log = state.load(std::memory_order_acquire);
  return log == nullptr ? 0 : log->queue.dropped() + log->over.load(std::memory_order_relaxed);
}

void OnTick() {
  if (State* const log = state.load(std::memory_order_acquire)) WriteRepeats(*log, false);
}

void Flush(std::chrono::milliseconds limit) {
  State* const log = state.load(std::memory_order_acquire);
  if (log == nullptr) return;
  WriteRepeats(*log, true);
  log->queue.Flush(limit);
}

void SetUp(const Options& options) {
  if (state.load(std::memory_order_acquire) == nullptr) {
    state.store(new State(options.json), std::memory_order_release);
  }
  Reconfigure(options.level, options.lines_per_second);
}

void Reconfigure(Level level, int lines_per_second) {
  threshold.store(level, std::memory_order_relaxed);
  if (State* const log = state.load(std::memory_order_acquire)) {
    const MutexLock lock(log->mutex);
    log->limit.set_lines_per_second(lines_per_second);
  }
}

}  // namespace parley::log
