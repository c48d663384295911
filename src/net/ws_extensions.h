// Sec-WebSocket-Extensions (RFC 6455 §9.1): permessage-deflate alone (RFC 7692 §7.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

struct DeflateTerms {
  int window_bits = 15;  // of what the server sends
  std::string answer;    // the header's value
};

// The first of the client's offers that can be taken, in its order. `offers`: the members of the
// header's list. An offer with a parameter that is unknown, repeated or out of range is passed
// over, and so is one of a window of 8 bits for the server, which zlib cannot make. Context is
// taken over in neither direction, whatever the client would allow.
std::optional<DeflateTerms> TakeDeflateOffer(const std::vector<std::string_view>& offers);

}  // namespace parley
