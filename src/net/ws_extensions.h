// Sec-WebSocket-Extensions (RFC 6455 §9.1): only permessage-deflate (RFC 7692 §7.1).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

struct DeflateTerms {
  int window_bits = 15;  // for messages of the server
  std::string answer;    // the value of the response header
};

// Returns the first acceptable offer of the client. `offers`: the members of the header's list. Offers
// with an unknown, repeated or out-of-range parameter are ignored, and so are offers with a server window
// of 8 bits, which zlib does not support. There is never context takeover, even if the client allows it.
std::optional<DeflateTerms> TakeDeflateOffer(const std::vector<std::string_view>& offers);

}  // namespace parley
