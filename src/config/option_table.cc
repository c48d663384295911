#include "config/option_table.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "config/options/sections.h"

namespace parley {
namespace {

// The option's two names with `joint` between them: "websocket.ping_interval".
std::string Join(const Option& option, char joint) {
  if (option.section.empty()) return std::string(option.key);
  return std::string(option.section) + joint + std::string(option.key);
}

}  // namespace

std::span<const Option> Options() {
  static const std::vector<Option> all = [] {
    std::vector<Option> rows;
    for (const auto& part :
         {NodeOptions(), RateLimitOptions(), AuthOptions(), LimitOptions(), ServiceOptions()}) {
      rows.insert(rows.end(), part.begin(), part.end());
    }
    return rows;
  }();
  return all;
}

std::string KeyOf(const Option& option) { return Join(option, '.'); }

std::string VariableOf(const Option& option) {
  std::string name = "PARLEY_" + Join(option, '_');
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string FlagOf(const Option& option) {
  std::string name = "--" + Join(option, '-');
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

const Option* FindOption(std::string_view key) {
  for (const Option& option : Options()) {
    if (KeyOf(option) == key) return &option;
  }
  return nullptr;
}

std::string DefaultText(const Option& option, Deployment env) {
  if (env == Deployment::kProduction && !option.production.empty()) {
    return std::string(option.production);
  }
  return FormatOptionValue(option.kind, option.field.get(Config{}), option.choices);
}

tl::expected<OptionValue, std::string> ParseFor(const Option& option, std::string_view text) {
  auto value = ParseOptionValue(option.kind, text, option.range, option.choices);
  if (value && option.kind == OptionKind::kText && !option.choices.empty()) {
    value = ParseOptionValue(OptionKind::kChoice, text, option.range, option.choices);
    if (value) value = FormatOptionValue(OptionKind::kChoice, *value, option.choices);
  }
  if (!value || option.check == nullptr) return value;
  const std::string wrong = option.check(*value);
  if (!wrong.empty()) return tl::unexpected(wrong);
  return value;
}

}  // namespace parley
