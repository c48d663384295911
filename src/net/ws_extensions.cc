#include "net/ws_extensions.h"

#include <algorithm>
#include <cctype>

#include "base/blanks.h"

namespace parley {
namespace {

bool Same(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Returns the part up to the next ';'; `rest` is the part after it.
std::string_view NextPart(std::optional<std::string_view>& rest) {
  const size_t end = rest->find(';');
  const std::string_view part = TrimBlanks(rest->substr(0, end));
  rest = end == std::string_view::npos ? std::nullopt : std::optional(rest->substr(end + 1));
  return part;
}

// 8 to 15 without a leading zero, optionally quoted.
std::optional<int> WindowBits(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    text = text.substr(1, text.size() - 2);
  }
  if (text == "8" || text == "9") return text[0] - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
    return 10 + text[1] - '0';
  }
  return std::nullopt;
}

constexpr int kLeastWindow = 9;

struct Offer {
  bool server_no_context = false, client_no_context = false, client_bits = false;
  std::optional<int> server_bits;

  bool Take(std::string_view name, std::optional<std::string_view> value) {
    if (Same(name, "server_no_context_takeover")) return TakeFlag(server_no_context, value);
    if (Same(name, "client_no_context_takeover")) return TakeFlag(client_no_context, value);
    if (Same(name, "client_max_window_bits")) {
      if (client_bits || (value && !WindowBits(*value))) return false;
      client_bits = true;
      return true;
    }
    if (!Same(name, "server_max_window_bits") || server_bits || !value) return false;
    server_bits = WindowBits(*value);
    return server_bits && *server_bits >= kLeastWindow;
  }

 private:
  static bool TakeFlag(bool& flag, std::optional<std::string_view> value) {
    if (flag || value) return false;
    flag = true;
    return true;
  }
};

std::optional<DeflateTerms> Take(std::string_view text) {
  std::optional<std::string_view> rest = text;
  if (!Same(NextPart(rest), "permessage-deflate")) return std::nullopt;
  Offer offer;
  while (rest) {
    const std::string_view part = NextPart(rest);
    const size_t equals = part.find('=');
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = TrimBlanks(part.substr(equals + 1));
    if (!offer.Take(TrimBlanks(part.substr(0, equals)), value)) return std::nullopt;
  }
  DeflateTerms terms;
  terms.answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  if (offer.server_bits) {
    terms.window_bits = *offer.server_bits;
    terms.answer += "; server_max_window_bits=" + std::to_string(terms.window_bits);
  }
  return terms;
}

}  // namespace

std::optional<DeflateTerms> TakeDeflateOffer(const std::vector<std::string_view>& offers) {
  for (const std::string_view offer : offers) {
    if (auto terms = Take(offer)) return terms;
  }
  return std::nullopt;
}

}  // namespace parley
