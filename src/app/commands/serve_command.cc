#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <thread>

#include "app/commands/commands.h"
#include "app/demo_seed.h"
#include "app/node.h"
#include "app/process.h"
#include "app/reloader.h"
#include "app/service_manager.h"
#include "app/signing_key.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "config/config_loader.h"
#include "config/config_text.h"

namespace parley {
namespace {

// The extra time for a drain that has closed its connections to complete.
constexpr auto kBeyondTheDrain = std::chrono::milliseconds(500);

// The maximum wait at exit for a log sink that accepts no output.
constexpr auto kLastLines = std::chrono::milliseconds(500);

// Blocks the signals in every thread, so that only WaitForSignal receives them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Ends the process at once if a stop signal arrives before the node serves: a start can wait for the store.
class StopDuringStart {
 public:
  StopDuringStart() : thread_([this] { Watch(); }) {}
  ~StopDuringStart() {
    started_ = true;
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  void Watch() {
    NameThread("start-signals");
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
    while (!started_) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (signal == SIGUSR1) continue;
      if (started_) {  // for WaitForSignal
        ::kill(::getpid(), signal);
        return;
      }
      log::info("stopping during the start signal={}", signal);
      NotifyServiceManager("STOPPING=1");
      log::Flush(kLastLines);
      std::_Exit(0);
    }
  }

  std::atomic<bool> started_{false};
  std::thread thread_;
};

// Handles signals until one ends the process.
void WaitForSignal(const sigset_t& signals, Reloader& reloader) {
  const timespec a_second{.tv_sec = 1, .tv_nsec = 0};
  int signal = 0;
  while (signal != SIGTERM && signal != SIGINT) {
    signal = sigtimedwait(&signals, nullptr, &a_second);
    if (signal == SIGHUP) {
      log::info("reloading signal={}", signal);
      NotifyServiceManager("RELOADING=1");
      reloader.Reload();
      NotifyServiceManager("READY=1");
    } else if (signal == SIGUSR1 || signal == SIGUSR2) {
      // Log rotation scripts send these signals to any running process.
      log::info("signal ignored signal={} reason=\"logs go to standard error\"", signal);
    }
    reloader.LookAtFiles();
    log::OnTick();
  }
  log::info("stopping signal={}", signal);
  NotifyServiceManager("STOPPING=1");
  // A second signal ends the graceful shutdown immediately.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
}

// An unresponsive database must not block the exit: pending commands remain unanswered, which
// clients treat as an unknown outcome.
void EndAtTheLatest(Duration from_now) {
  std::thread([from_now] {
    std::this_thread::sleep_for(from_now);
    log::error("exit forced: the store did not close in time");
    log::Flush(kLastLines);
    std::_Exit(1);
  }).detach();
}

void PrintWhereToLook(const Node& node, const Config& config, std::ostream& out) {
  out << "Parley " PARLEY_VERSION " is at " << node.Url() << "\n";
  if (!config.production()) {
    out << "  chat        " << node.Url() << "/   (open it in two tabs with two names)\n"
        << "  token       parley token --user ada --data-dir " << config.data_dir << "\n"
        << "  data        "
        << (config.database.url.empty()
                ? config.data_dir + "   (remove it to start over)"
                : "PostgreSQL; attachments in " + (config.attachments.directory.empty()
                                                       ? config.data_dir + "/attachments"
                                                       : config.attachments.directory))
        << "\n";
  }
  if (!node.AdminUrl().empty()) out << "  admin       " << node.AdminUrl() << "\n";
  out << "  stop        Ctrl-C\n" << std::flush;
}

}  // namespace

int RunServeCommand(const std::vector<std::string>& args, bool demo, std::ostream& out,
                    std::ostream& err) {
  const sigset_t signals = BlockSignals();
  ConfigResult loaded = LoadConfig({args, ProcessEnvironment(), DiskFileReader()});
  if (loaded.help) {
    out << OptionsHelp({});
    return 0;
  }
  if (loaded.ok()) loaded.errors = KeyErrors(loaded.config);
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (!loaded.ok()) return 2;
  if (demo && loaded.config.production()) {
    err << "parley: demo cannot run in production (env=production)\n";
    return 2;
  }
  log::SetUp({.level = LogThreshold(loaded.config.log_level),
              .json = loaded.config.log_format == LogFormat::kJson,
              .lines_per_second = loaded.config.log_lines_per_second});
  for (const std::string& note : loaded.notes) log::warn("{}", note);
  for (const std::string& warning : ProcessWarnings(loaded.config, loaded.sources)) {
    log::warn("{}", warning);
  }
  DropPrivileges();
  const size_t connections = ConnectionsFor(RaiseOpenFiles());
  if (loaded.config.limit_concurrency == 0) loaded.config.limit_concurrency = connections;

  const SystemClock clock;
  auto during_start = std::make_unique<StopDuringStart>();
  Node node(loaded.config, clock);
  if (demo) SeedDemo(node.store(), clock);
  during_start.reset();
  node.Start();
  PrintWhereToLook(node, loaded.config, out);
  NotifyServiceManager("READY=1");
  Reloader reloader(node, args, loaded.config);
  WaitForSignal(signals, reloader);
  EndAtTheLatest(loaded.config.timeout_graceful_shutdown + kBeyondTheDrain);
  const bool drained = node.Drain();
  log::Flush(kLastLines);
  return drained ? 0 : 1;
}

}  // namespace parley
