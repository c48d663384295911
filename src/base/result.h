// Result<T>: a value or an Error. Functions on the data path return it; exceptions are for start-up and bugs.
#pragma once
#include <tl/expected.hpp>

#include "base/error.h"

namespace parley {

template <class T>
using Result = tl::expected<T, Error>;

// Any failure converts to any Result: `return Fail(Error::NotFound());`
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> Fail(ErrorCode code, std::string detail) {
  return tl::unexpected<Error>(Error{.code = code, .detail = std::move(detail)});
}

}  // namespace parley
