// The accepted file types, and the handling of file names.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace parley {

// The last part of a path from a client, without control and direction characters, truncated to 255
// bytes with its extension. Returns nullopt if it is empty or not UTF-8.
std::optional<std::string> CleanFileName(std::string_view name);

// The media type of a name's extension; nullopt if it is not accepted.
std::optional<std::string_view> TypeOfName(std::string_view name);

// Whether a media type, detected from a file's content, is accepted.
bool IsTakenType(std::string_view media_type);

// The accepted extensions, for messages.
inline constexpr std::string_view kTakenTypes = "jpg, jpeg, png, gif, webp, pdf";

// A Content-Disposition of `attachment` with the name in both forms (RFC 6266, RFC 8187).
std::string DispositionOf(std::string_view filename);

}  // namespace parley
