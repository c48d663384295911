// Conversions between the types of Statement and PostgreSQL's binary formats. The type that the server
// determined for a parameter selects the format: a number becomes a bigint, an integer, a boolean or a
// timestamp; a text may become jsonb.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace parley {

// Encode a parameter for this type. Throw StoreFailure if the value does not fit the type, which is a bug.
std::string PgNumber(Oid type, int64_t value);
std::string PgText(Oid type, std::string_view text);

// Decodes a column: microseconds since 1970 for a timestamp, 0 or 1 for a boolean.
int64_t NumberFromPg(Oid type, std::string_view bytes);
// Decodes a column. Removes the white space of jsonb.
std::string TextFromPg(Oid type, std::string_view bytes);
bool IsPlainText(Oid type);  // TextFromPg returns the bytes unchanged

}  // namespace parley
