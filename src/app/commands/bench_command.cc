// parley bench SCENARIO: measures a server under load, and checks every message that it delivers.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/bench/generator_check.h"
#include "app/bench/interrupt.h"
#include "app/bench/measure.h"
#include "app/commands/commands.h"
#include "app/process.h"
#include "app/signing_key.h"
#include "base/ids.h"
#include "config/config_loader.h"
#include "config/config_text.h"

namespace parley {
namespace {

using namespace bench;

// The configured key; null if there is none. A development secret is not made here.
std::shared_ptr<const Key> KeyOf(const Config& config) {
  const bool generated = config.auth.algorithm.starts_with("HS") && config.auth.secret_key.empty();
  std::error_code ignored;
  if (generated && !std::filesystem::exists(config.data_dir + "/dev-secret", ignored))
    return nullptr;
  return SigningKey(config);
}

bool WriteFile(const std::string& path, const std::string& text, std::ostream& err) {
  if (path.empty()) return true;
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) err << "parley: cannot write " << path << "\n";
  return static_cast<bool>(file);
}

}  // namespace

int RunBenchCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  const Given given = SortArguments(args);
  ConfigResult loaded =
      LoadConfig({given.rest, ProcessEnvironment(), DiskFileReader(), BenchFlags()});
  if (loaded.help) {
    out << "Scenarios:\n";
    for (const Scenario& row : Scenarios()) out << fmt::format("  {:8} {}\n", row.name, row.about);
    out << "\n" << OptionsHelp(BenchFlags());
    return 0;
  }
  std::vector<std::string>& errors = loaded.errors;
  const BenchOptions options = ReadBenchOptions(given, loaded);
  auto& flags = loaded.command_flags;
  doctor::ProbeInput input{.config = loaded.config, .ca_file = flags["--ca-file"]};
  for (const std::string& url : given.urls) {
    auto target = doctor::ParseTarget(url);
    if (target) {
      input.targets.push_back(*std::move(target));
    } else {
      errors.push_back("'" + url + "' is not an http or https URL without user and query");
    }
  }
  const std::string& given_key = flags["--token-key"];
  if (!given_key.empty() && given_key.size() < 32)
    errors.push_back("--token-key: a key has at least 32 bytes");
  for (const std::string& error : errors) err << "parley: " << error << "\n";
  if (!errors.empty()) return 2;

  std::signal(SIGPIPE, SIG_IGN);
  RaiseOpenFiles();
  Interrupt interrupt;
  try {
    if (given.self_test) return RunSelfTest(options.threads, out) ? 0 : 1;
    std::unique_ptr<LocalServer> own;
    std::string secret = given_key;
    if (given.urls.empty()) {
      if (secret.empty()) secret = RandomHex(32);
      own = std::make_unique<LocalServer>(secret);
      input.targets.push_back(doctor::ParseTarget(own->Url()).value());
      err << "parley: started a server at " << own->Url()
          << " with a scratch store; it ends with the benchmark\n";
    }
    const auto key = secret.empty() ? KeyOf(loaded.config)
                                    : std::make_shared<const Key>(Key::Secret("HS256", secret));
    if (key == nullptr) {
      err << "parley: no signing key: give --token-key or set JWT_SECRET_KEY as for the server\n";
      return 2;
    }
    Results results{.scenario = std::string(options.scenario->name),
                    .own_server = own != nullptr,
                    .rooms = options.shape.rooms,
                    .size = options.shape.size,
                    .bytes = options.bytes,
                    .threads = options.threads,
                    .max_p99_ms = options.max_p99,
                    .search = options.search,
                    .work = options.scenario->work};
    for (const doctor::Target& target : input.targets) results.urls.push_back(target.url);
    Measure(options, input, *key, own.get(), results, out, interrupt.flag());
    out << SummaryText(results);
    int code = results.faulty() ? 1 : 0;
    if (!WriteFile(flags["--json"], ResultsJson(results), err)) code = 1;
    if (!WriteFile(flags["--html"], ResultsHtml(results), err)) code = 1;
    return interrupt.flag() ? interrupt.ExitCode() : code;
  } catch (const std::exception& error) {
    err << "parley: " << error.what() << "\n";
    return interrupt.flag() ? interrupt.ExitCode() : 1;
  }
}

}  // namespace parley
