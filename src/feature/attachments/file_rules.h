// Which files are taken, and how their names are written down and given back.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// The last part of a path that a client sent, without control characters and what turns text round,
// at most 255 bytes with its extension. nullopt: nothing is left, or it is not UTF-8.
std::optional<std::string> CleanFileName(std::string_view name);

// The media type that a name's extension promises; nullopt: not one that is taken.
std::optional<std::string_view> TypeOfName(std::string_view name);

// Extensions that are taken, for people.
inline constexpr std::string_view kTakenTypes = "jpg, jpeg, png, gif, webp, pdf";

// `attachment` with the name in both forms (RFC 6266, RFC 8187).
std::string DispositionOf(std::string_view filename);

}  // namespace parley
