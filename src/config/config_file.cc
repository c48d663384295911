#include <toml++/toml.h>

#include <optional>

#include "config/config_sources.h"

namespace parley {
namespace {

std::string Where(const std::string& path, const toml::source_region& region) {
  return path + ":" + std::to_string(region.begin.line);
}

// Returns the node as text of the option's kind; nullopt if TOML's type does not match it.
std::optional<std::string> AsText(const toml::node& node, OptionKind kind) {
  const bool quantity =
      kind == OptionKind::kNumber || kind == OptionKind::kSize || kind == OptionKind::kDuration;
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer(); number != nullptr && quantity) {
    return std::to_string(number->get());
  }
  if (const auto* number = node.as_floating_point();
      number != nullptr && kind == OptionKind::kDuration) {
    return std::to_string(number->get());
  }
  if (const auto* on = node.as_boolean(); on != nullptr && kind == OptionKind::kSwitch) {
    return on->get() ? "on" : "off";
  }
  const auto* array = node.as_array();
  if (array == nullptr || kind != OptionKind::kList) return std::nullopt;
  std::string joined;
  for (const toml::node& item : *array) {
    if (!item.is_string()) return std::nullopt;
    joined += (joined.empty() ? "" : ",") + item.as_string()->get();
  }
  return joined;
}

class FileReading {
 public:
  explicit FileReading(const std::string& path) : path_(path) {}

  SourceFindings Read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      const std::string name(key.str());
      if (const toml::table* section = node.as_table()) {
        Section(name, *section);
      } else {
        Take("", name, node);
      }
    }
    return std::move(found_);
  }

 private:
  void Section(const std::string& name, const toml::table& section) {
    if (section.empty() && !IsSection(name)) {
      found_.errors.push_back(Where(path_, section.source()) + ": unknown section [" + name + "]");
    }
    for (const auto& [key, node] : section) Take(name, std::string(key.str()), node);
  }

  static bool IsSection(std::string_view name) {
    for (const Option& option : Options()) {
      if (option.section == name) return true;
    }
    return false;
  }

  void Take(const std::string& section, const std::string& key, const toml::node& node) {
    const std::string name = section.empty() ? key : section + "." + key;
    const std::string where = Where(path_, node.source());
    const Option* option = FindOption(name);
    // FindOption does not distinguish the key "a.b" from b in [a].
    if (option == nullptr || option->section != section) return Unknown(name, where);
    const std::optional<std::string> text = AsText(node, option->kind);
    if (!text) {
      found_.errors.push_back(where + ": " + name + ": must be " +
                              std::string(Describe(option->kind)));
    } else if (!text->empty() || option->kind == OptionKind::kList) {
      found_.given.push_back({option, *text, SourceLevel::kFile, where});
    }
  }

  void Unknown(const std::string& name, const std::string& where) {
    std::vector<std::string> keys;
    for (const Option& option : Options()) keys.push_back(KeyOf(option));
    const std::string near = Nearest(name, keys);
    found_.errors.push_back(where + ": unknown key '" + name + "'" +
                            (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }

  const std::string& path_;
  SourceFindings found_;
};

}  // namespace

SourceFindings ReadConfigFile(std::string_view text, const std::string& path) {
  try {
    return FileReading(path).Read(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    SourceFindings found;
    found.errors.push_back(Where(path, error.source()) + ": " + std::string(error.description()));
    return found;
  }
}

}  // namespace parley
