#include "base/error.h"

namespace parley {

std::string_view Name(ErrorCode code) {
  switch (code) {
#define PARLEY_ERROR(name, status, meaning) \
  case ErrorCode::name:                     \
    return #name;
#include "base/error_codes.def"
#undef PARLEY_ERROR
  }
  return "internal";
}

int HttpStatus(ErrorCode code) {
  switch (code) {
#define PARLEY_ERROR(name, status, meaning) \
  case ErrorCode::name:                     \
    return status;
#include "base/error_codes.def"
#undef PARLEY_ERROR
  }
  return 500;
}

std::string_view Meaning(ErrorCode code) {
  switch (code) {
#define PARLEY_ERROR(name, status, meaning) \
  case ErrorCode::name:                     \
    return meaning;
#include "base/error_codes.def"
#undef PARLEY_ERROR
  }
  return "";
}

Error Error::Field(std::string name, std::string what) {
  Error error{.code = ErrorCode::invalid_field, .detail = name + ": " + what};
  error.fields.emplace_back(std::move(name), std::move(what));
  return error;
}

Error Error::NotFound() { return {.code = ErrorCode::not_found, .detail = "Not found."}; }

Error Error::UnknownUser() {
  return {.code = ErrorCode::unknown_user,
          .detail = "A user id does not exist in the database's table of users."};
}

Error Error::StoreUnavailable() {
  return {.code = ErrorCode::store_unavailable,
          .detail = "The store is unavailable; nothing was stored.",
          .retry_after = std::chrono::milliseconds(1000)};
}

}  // namespace parley
