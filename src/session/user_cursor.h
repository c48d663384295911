// The cursor of the user socket (?cursor=), opaque to clients: a position in the store's changes and
// the epoch of the store that issued it, "<epoch, hexadecimal>.<position>". The embedded store has no
// epochs; its cursors, and those of older versions, are "<position>".
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

struct UserCursor {
  int64_t position = 0;
  uint64_t epoch = 0;  // 0: no epoch

  // Returns false if the cursor is from another history of the store.
  bool IsOf(uint64_t store_epoch) const { return epoch == 0 || epoch == store_epoch; }
};

inline std::string TextOf(const UserCursor& cursor) {
  if (cursor.epoch == 0) return std::to_string(cursor.position);
  char text[16];
  const auto end = std::to_chars(std::begin(text), std::end(text), cursor.epoch, 16).ptr;
  return std::string(text, end) + "." + std::to_string(cursor.position);
}

// Returns nullopt if the text is not a cursor of Parley.
inline std::optional<UserCursor> ParseUserCursor(std::string_view text) {
  const auto number = [](std::string_view digits, auto& value, int base) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  UserCursor cursor;
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    if (!number(text.substr(0, dot), cursor.epoch, 16) || cursor.epoch == 0) return std::nullopt;
    text.remove_prefix(dot + 1);
  }
  if (!number(text, cursor.position, 10) || cursor.position < 0) return std::nullopt;
  return cursor;
}

}  // namespace parley
