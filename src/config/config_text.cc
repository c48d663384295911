#include "config/config_text.h"

#include <fmt/format.h>

#include <functional>

namespace parley {
namespace {

// Calls `section` at the start of each section, then `row` for each of its options.
void ForEachSection(const std::function<void(std::string_view section)>& section,
                    const std::function<void(const Option&)>& row) {
  std::optional<std::string_view> current;
  for (const Option& option : Options()) {
    if (current != option.section) section(option.section);
    current = option.section;
    row(option);
  }
}

std::string Spellings(const Option& option, std::string_view separator) {
  std::string names;
  for (const std::string& spelling : SplitList(option.flags, ' ')) {
    names += spelling + std::string(separator);
  }
  return names + FlagOf(option);
}

std::string_view Placeholder(OptionKind kind) {
  switch (kind) {
    case OptionKind::kText:
      return "TEXT";
    case OptionKind::kPath:
      return "PATH";
    case OptionKind::kChoice:
      return "NAME";
    case OptionKind::kSwitch:
      return "on|off";
    case OptionKind::kNumber:
      return "N";
    case OptionKind::kSize:
      return "BYTES";
    case OptionKind::kDuration:
      return "SECONDS";
    case OptionKind::kList:
      return "A,B";
  }
  return {};
}

std::string DefaultFor(const Option& option, Deployment env) {
  const std::string text = DefaultText(option, env);
  if (!option.unset.empty()) return std::string(option.unset);
  return text.empty() ? "none" : text;
}

std::string Defaults(const Option& option) {
  if (option.production.empty()) return DefaultFor(option, Deployment::kDevelopment);
  return DefaultFor(option, Deployment::kDevelopment) +
         "; production: " + DefaultFor(option, Deployment::kProduction);
}

// Wraps `text` at 100 columns; lines after the first are indented by `indent` columns.
std::string Wrapped(std::string_view text, size_t indent) {
  std::string lines;
  size_t column = indent;
  for (const std::string& word : SplitList(text, ' ')) {
    if (column > indent && column + 1 + word.size() > 100) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
  }
  return lines;
}

void AppendHelp(std::string& out, const std::string& left, const std::string& right) {
  constexpr size_t kIndent = 6;
  out += "  " + left + "\n" + std::string(kIndent, ' ') + Wrapped(right, kIndent) + "\n";
}

// A TOML basic string (TOML 1.0, "String").
std::string TomlString(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string TomlValue(const Option& option, const OptionValue& value) {
  const std::string text = FormatOptionValue(option.kind, value, option.choices);
  if (option.secret && !text.empty()) return "\"***\"";
  if (std::holds_alternative<bool>(value)) return text == "on" ? "true" : "false";
  if (option.kind == OptionKind::kNumber) return text;
  if (option.kind != OptionKind::kList) return TomlString(text);
  std::string items;
  for (const std::string& item : SplitList(text, ',')) {
    items += (items.empty() ? "" : ", ") + TomlString(item);
  }
  return "[" + items + "]";
}

std::string Cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

std::string Code(std::string_view text) { return fmt::format("`{}`", text); }

std::string Codes(std::string_view names) {
  std::string joined;
  for (const std::string& name : SplitList(names, ' ')) joined += ", " + Code(name);
  return joined;
}

std::string DocsDefault(const Option& option, Deployment env) {
  if (!option.unset.empty()) return std::string(option.unset);
  const std::string text = DefaultText(option, env);
  return text.empty() ? "none" : Code(text);
}

std::string DocsRow(const Option& option) {
  std::string standard = DocsDefault(option, Deployment::kDevelopment);
  if (!option.production.empty()) {
    standard += "; production " + DocsDefault(option, Deployment::kProduction);
  }
  std::string meaning(option.doc);
  if (!option.choices.empty()) {
    meaning += " One of";
    for (const std::string& name : SplitList(option.choices, '|')) meaning += " " + Code(name);
    meaning += ".";
  }
  if (option.availability != Availability::kToday)
    meaning = "*Not available in this version.* " + meaning;
  return fmt::format("| {} | {}{} | {}{} | {} | {} |\n", Code(option.key), Code(VariableOf(option)),
                     Codes(option.guide), Code(FlagOf(option)), Codes(option.flags), Cell(standard),
                     Cell(meaning));
}

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Generated by `parley config docs` from the option table and compared by a test. Edit the table instead. -->

`parley serve` alone starts a development server; it needs no configuration. Every option can be set
in three places:

- a TOML file: `--config FILE`, else `PARLEY_CONFIG`, else `parley.toml` in the current directory;
- the environment: `[websocket] ping_interval` is `PARLEY_WEBSOCKET_PING_INTERVAL`;
- the command line: `--websocket-ping-interval 25`, or `--websocket-ping-interval=25`.

Flags override the environment, which overrides the file, which overrides the defaults. In the
environment, `PARLEY_*` overrides the names that Django deployments use (`DJANGO_ENV`, `REDIS_URL`,
`JWT_SECRET_KEY` and the others below). An empty variable counts as unset.

`parley config check` reports every error in the configuration; `parley config print` prints the
effective configuration, with the source of each value. The server does not start with unknown keys,
flags or `PARLEY_*` variables, or with invalid values: it reports all of them at once and exits with
code 2.

- **Durations** are numbers of seconds, or have a unit: `5`, `0.5`, `500ms`, `5s`, `2m`, `1h`, `1d`.
- **Sizes** are numbers of bytes, or have a unit: `4096`, `256KiB`, `1MiB`, `1GiB`.
- **Switches** are `on`/`off`, `true`/`false`, `yes`/`no` or `1`/`0`; flags can also be bare:
  `--access-log`, `--no-access-log`.
- **Lists** are separated by commas; in the file they can also be arrays of strings.

Command lines of Daphne, Uvicorn and Hypercorn work unchanged: with `-b 0.0.0.0 -p 8000
project.asgi:application` the server listens on that address and ignores the application's name with a
note. Only their flags for client certificates and for keys with a password are refused (such as
`--ssl-ca-certs` and `--verify-mode`): a proxy can do that. Variables that Kubernetes sets for a Service
called `parley` (`PARLEY_PORT=tcp://…`, `PARLEY_SERVICE_HOST` and so on) are ignored.

Only one of `host` with `port`, `uds` and `fd` takes effect: the one set with the highest precedence.
Two of them set in the same place are an error.

Production requires a JWT key, at least 32 bytes long for HS algorithms, and `store.fsync` on. Options
marked *not available in this version* are errors in production, on the command line, and where
ignoring them would mislead; otherwise, and under the names that Django deployments set, they are
ignored with a warning.
)";

}  // namespace

std::string OptionsHelp(const std::vector<CommandFlag>& command_flags) {
  std::string out;
  if (!command_flags.empty()) out += "Flags of this command:\n";
  for (const CommandFlag& flag : command_flags) {
    AppendHelp(out, flag.name + " " + flag.value, flag.doc + (flag.required ? " Required." : ""));
  }
  if (!command_flags.empty()) out += "\n";
  out += "Options (also in parley.toml and as PARLEY_… variables; see docs/configuration.md):\n";
  AppendHelp(out, "--config PATH",
             "The configuration file. [PARLEY_CONFIG, else parley.toml if it exists]");
  AppendHelp(out, "-h, --help", "Show this help.");
  ForEachSection(
      [&](std::string_view section) {
        if (!section.empty()) out += fmt::format("\n[{}]\n", section);
      },
      [&](const Option& option) {
        if (option.availability != Availability::kToday) return;
        const std::string_view value =
            option.choices.empty() ? Placeholder(option.kind) : option.choices;
        AppendHelp(out, fmt::format("{} {}", Spellings(option, ", "), value),
                   fmt::format("{} [{}]", option.doc, Defaults(option)));
      });
  return out;
}

std::string PrintConfig(const Config& config, const std::map<std::string, std::string>& sources) {
  std::string out, header;
  ForEachSection(
      [&](std::string_view section) {
        header = section.empty() ? "" : fmt::format("\n[{}]\n", section);
      },
      [&](const Option& option) {
        if (option.availability != Availability::kToday) return;
        out += std::exchange(header, "");
        const auto source = sources.find(KeyOf(option));
        const std::string from = source == sources.end() ? "default" : source->second;
        const OptionValue value = option.field.get(config);
        const auto* text = std::get_if<std::string>(&value);
        if (value == OptionValue() || (text != nullptr && text->empty())) {
          out += fmt::format("# {} is not set\n", option.key);
        } else {
          out += fmt::format("{} = {}  # {}\n", option.key, TomlValue(option, value), from);
        }
      });
  return out;
}

std::string ConfigDocs() {
  std::string out(kIntroduction);
  ForEachSection(
      [&](std::string_view section) {
        out += section.empty() ? "\n## Top level\n" : fmt::format("\n## [{}]\n", section);
        out += "\n| Key | Environment | Flag | Default | Meaning |\n|---|---|---|---|---|\n";
      },
      [&](const Option& option) { out += DocsRow(option); });
  return out;
}

}  // namespace parley
