// Binds an option's row to its field in Config, for any field type.
#pragma once
#include <optional>
#include <type_traits>

#include "config/option_table.h"

namespace parley {

template <class T>
OptionValue ToOptionValue(const T& field) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Duration> ||
                std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<std::string>>) {
    return field;
  } else {
    return static_cast<int64_t>(field);  // numbers and enums
  }
}
template <class T>
OptionValue ToOptionValue(const std::optional<T>& field) {
  return field ? ToOptionValue(*field) : OptionValue();
}

template <class T>
void FromOptionValue(const OptionValue& value, T& field) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Duration> ||
                std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<std::string>>) {
    field = std::get<T>(value);
  } else {
    field = static_cast<T>(std::get<int64_t>(value));
  }
}
template <class T>
void FromOptionValue(const OptionValue& value, std::optional<T>& field) {
  FromOptionValue(value, field.emplace());
}

// Bind<&Config::websocket, &WebSocketConfig::ping_interval>()
template <auto... kPath>
constexpr OptionField Bind() {
  return {[](const Config& config) { return ToOptionValue((config.*....*kPath)); },
          [](Config& config, const OptionValue& value) {
            FromOptionValue(value, (config.*....*kPath));
          }};
}

}  // namespace parley
