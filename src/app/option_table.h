// The one table of options. From an option's row follow its three names, its default, its checks,
// its line of --help and its row in docs/configuration.md: `[websocket] ping_interval` in the file
// is PARLEY_WEBSOCKET_PING_INTERVAL in the environment and --websocket-ping-interval as a flag.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "app/config.h"
#include "app/config_value.h"

namespace parley {

enum class Availability {
  kToday,
  // Planned. Giving it a value is refused in production and on the command line; elsewhere, and
  // under a name that the guide's deployments always set, it is a warning and has no effect.
  kLater,
};

// How a row reads and writes its field of Config.
struct OptionField {
  OptionValue (*get)(const Config&);
  void (*set)(Config&, const OptionValue&);  // the value is of the row's kind and in its range
};

struct Option {
  std::string_view section = {};  // empty: at the top level
  std::string_view key;
  OptionKind kind;
  OptionField field;
  std::string_view doc;              // one or two sentences, Markdown
  OptionRange range = {};            // of numbers, sizes (bytes), durations (microseconds)
  std::string_view choices = {};     // names with `|` between them, in the order of the enum
  std::string_view production = {};  // the default there, where it is another one
  std::string_view unset = {};       // what the default means where it does not show
  std::string_view flags = {};       // other spellings of the flag, with spaces between them
  std::string_view guide = {};       // the guide's environment variables, the first one set counts
  bool secret = false;               // never shown
  Availability availability = Availability::kToday;
  std::string_view meanwhile = {};  // kLater: what happens instead
  // What is wrong with a well-formed value; empty when nothing is.
  std::string (*check)(const OptionValue&) = nullptr;
};

std::span<const Option> Options();

// "websocket.ping_interval", "PARLEY_WEBSOCKET_PING_INTERVAL", "--websocket-ping-interval".
std::string KeyOf(const Option& option);
std::string VariableOf(const Option& option);
std::string FlagOf(const Option& option);
const Option* FindOption(std::string_view key);  // nullptr when there is none

// The default's text as the file takes it; empty where it is not set.
std::string DefaultText(const Option& option, Deployment env);

// A value of `kind` from text, the row's own check included; the error says what is wrong with it.
tl::expected<OptionValue, std::string> ParseFor(const Option& option, std::string_view text);

}  // namespace parley
