// Detects the type of a file by its content (libmagic).
#pragma once
#include <string>
#include <string_view>

namespace parley {

// Returns the media type of a file from its first bytes, or "application/octet-stream" if unknown. A
// few kilobytes are enough. Threads: any. Throws std::runtime_error if libmagic has no database.
std::string TypeOfContent(std::string_view head);

}  // namespace parley
