// Rules for text that people write.
#pragma once
#include <string_view>

namespace parley {

// Without white space (Unicode's White_Space property) at either end. `text` is valid UTF-8.
std::string_view Trim(std::string_view text);

}  // namespace parley
