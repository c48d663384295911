// The table of options. A row defines the three names of an option, its default, its checks, its --help
// text and its row in docs/configuration.md: `[websocket] ping_interval` in the file
// is PARLEY_WEBSOCKET_PING_INTERVAL in the environment and --websocket-ping-interval as a flag.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "config/config.h"
#include "config/config_value.h"

namespace parley {

enum class Availability {
  kToday,
  // Planned. Setting it is an error in production and on the command line; elsewhere, and under names
  // that Django deployments always set, it causes a warning and has no effect.
  kLater,
};

// Reads and writes the field of a row in Config.
struct OptionField {
  OptionValue (*get)(const Config&);
  void (*set)(Config&, const OptionValue&);  // the value has the row's kind and is in its range
};

struct Option {
  std::string_view section = {};  // empty: top level
  std::string_view key;
  OptionKind kind;
  OptionField field;
  std::string_view doc;              // one or two sentences, Markdown
  OptionRange range = {};            // for numbers, sizes (bytes), durations (microseconds)
  std::string_view choices = {};     // names separated by `|`, in enum order
  std::string_view production = {};  // the default in production, if it differs
  std::string_view unset = {};       // description of a default that has no text form
  std::string_view flags = {};       // other spellings of the flag, separated by spaces
  std::string_view guide = {};       // variables of Django deployments; the first one set is used
  bool secret = false;               // never printed
  Availability availability = Availability::kToday;
  std::string_view meanwhile = {};  // kLater: the current behavior
  // Returns the error of a well-formed value, or an empty string.
  std::string (*check)(const OptionValue&) = nullptr;
};

std::span<const Option> Options();

// "websocket.ping_interval", "PARLEY_WEBSOCKET_PING_INTERVAL", "--websocket-ping-interval".
std::string KeyOf(const Option& option);
std::string VariableOf(const Option& option);
std::string FlagOf(const Option& option);
const Option* FindOption(std::string_view key);  // nullptr if unknown

// The default in the format of the file; empty if unset.
std::string DefaultText(const Option& option, Deployment env);

// Parses a value for the row, including its check; the error describes the problem.
tl::expected<OptionValue, std::string> ParseFor(const Option& option, std::string_view text);

}  // namespace parley
