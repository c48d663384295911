// What a file is, by its content (libmagic).
#pragma once
#include <string>
#include <string_view>

namespace parley {

// The media type of a file that begins so; "application/octet-stream" when it is not known. A few
// kilobytes are enough. Any thread. Throws std::runtime_error where libmagic has no database.
std::string TypeOfContent(std::string_view head);

}  // namespace parley
