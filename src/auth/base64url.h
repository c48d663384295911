// Base64url without padding (RFC 4648 §5, as RFC 7515 §2 uses it), strict: no other alphabet, no
// padding, no white space, and the unused bits of the last character zero. So every
// token has exactly one encoding.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace parley {

std::optional<std::string> DecodeBase64Url(std::string_view text);
std::string EncodeBase64Url(std::string_view bytes);

}  // namespace parley
