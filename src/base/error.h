// An error on the data path, as a value. Layers pass it up unchanged; the layer that responds to the
// client converts it to a problem document (RFC 9457) or an `error` frame.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley {

enum class ErrorCode {
#define PARLEY_ERROR(name, status, meaning) name,
#include "base/error_codes.def"
#undef PARLEY_ERROR
};

// The stable text of a code ("not_found"), its HTTP status, and its documented meaning.
std::string_view Name(ErrorCode code);
int HttpStatus(ErrorCode code);
std::string_view Meaning(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string detail;  // human-readable; never exception text, SQL or a secret
  std::vector<std::pair<std::string, std::string>> fields = {};  // field name and message
  std::optional<std::chrono::milliseconds> retry_after = {};     // present if a retry can succeed
  std::string_view reason = {};  // static text that refines the code, or empty

  // An invalid_field error for a single field.
  static Error Field(std::string name, std::string what);
  static Error NotFound();
  static Error UnknownUser();
  static Error StoreUnavailable();
};

}  // namespace parley
