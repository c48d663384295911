#include <chrono>

#include "app/commands/commands.h"
#include "app/signing_key.h"
#include "auth/token_minter.h"
#include "config/config_loader.h"
#include "config/config_text.h"
#include "config/config_value.h"

namespace parley {

int RunTokenCommand(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  const std::vector<CommandFlag> flags = {
      {"--user", "USER", "The user id of the token.", true},
      {"--ttl", "TIME", "The lifetime: 15m, 1h (the default), 7d.", false},
      {"--scope", "SCOPE", "The scope claim; messaging:service for a service token.", false}};
  ConfigResult loaded = LoadConfig({args, ProcessEnvironment(), DiskFileReader(), flags});
  if (loaded.help) {
    out << OptionsHelp(flags);
    return 0;
  }
  auto& given = loaded.command_flags;
  const auto user = ParseUserId(given["--user"]);
  if (loaded.ok() && !user) {
    loaded.errors.push_back("--user: must be " + std::string(kUserIdRule));
  }
  auto ttl = std::chrono::seconds(3600);
  if (!given["--ttl"].empty()) {
    const OptionRange range{.min = 1'000'000};
    const auto parsed = ParseOptionValue(OptionKind::kDuration, given["--ttl"], range, "");
    if (parsed) {
      ttl = std::chrono::duration_cast<std::chrono::seconds>(std::get<Duration>(*parsed));
    } else {
      loaded.errors.push_back("--ttl: " + parsed.error());
    }
  }
  for (const std::string& error : loaded.errors) err << "parley: " << error << "\n";
  if (!loaded.ok()) return 2;

  const SystemClock clock;
  const auto key = SigningKey(loaded.config);
  if (key == nullptr) {
    err << "parley: no signing key is configured: set auth.private_key.\n";
    return 1;
  }
  const Result<std::string> token = MintToken(*key,
                                              {.user = *user,
                                               .ttl = ttl,
                                               .scope = given["--scope"],
                                               .issuer = loaded.config.auth.issuer,
                                               .audience = loaded.config.auth.audience},
                                              clock);
  if (!token) {
    err << "parley: " << token.error().detail << " Set auth.private_key.\n";
    return 1;
  }
  out << *token << "\n";
  return 0;
}

}  // namespace parley
