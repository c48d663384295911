#include "auth/token_json.h"

#include "base/keyed_hash.h"

namespace parley {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kJsonDepth = 8;

// Rejects duplicate keys at any depth: parsers that choose different values could be exploited.
bool KeysAreUnique(dom::element element) {
  dom::array array;
  if (element.get(array) == simdjson::SUCCESS) {
    for (const dom::element item : array) {
      if (!KeysAreUnique(item)) return false;
    }
    return true;
  }
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return true;
  KeyedViewSet seen;
  for (const auto& [key, value] : object) {
    if (!seen.insert(key).second || !KeysAreUnique(value)) return false;
  }
  return true;
}

}  // namespace

bool TokenJson::Parse(const std::string& text) {
  if (text.starts_with("\xEF\xBB\xBF")) return false;
  if (parser_.allocate(text.size() + 1, kJsonDepth + 1) != simdjson::SUCCESS) return false;
  dom::element root;
  if (parser_.parse(text).get(root) != simdjson::SUCCESS) return false;
  return root.get(object_) == simdjson::SUCCESS && KeysAreUnique(root);
}

std::optional<dom::element> TokenJson::Find(const char* name) const {
  dom::element element;
  if (object_.at_key(name).get(element) != simdjson::SUCCESS) return std::nullopt;
  return element;
}

std::optional<std::string> TokenJson::Text(const char* name) const {
  const auto element = Find(name);
  std::string_view text;
  if (!element || element->get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

}  // namespace parley
