// The types of messages on the channel layer. Pure functions.
#pragma once
#include <set>
#include <string>
#include <string_view>

namespace parley::django {

// The name of the method that handles a type in a Django consumer: `.` becomes `_`. Empty if the name
// begins with `_`, which Channels refuses.
std::string HandlerOf(std::string_view type);

// Types of application events, which pass in both directions.
class AllowedTypes {
 public:
  AllowedTypes() = default;
  template <class Types>
  explicit AllowedTypes(const Types& types) {
    for (const auto& type : types) handlers_.insert(HandlerOf(type));
    handlers_.erase("");
  }
  bool Contain(std::string_view type) const { return handlers_.contains(HandlerOf(type)); }

 private:
  std::set<std::string> handlers_;
};

}  // namespace parley::django
