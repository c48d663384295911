// SQL values between our few types and PostgreSQL's binary formats. What a value becomes follows
// from the type that the server has found for its place: a number is a bigint, an integer, a flag or
// a time; a text may be jsonb.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace parley {

// Of our parameters, for a place of this type. Throw StoreFailure where the two do not fit: a bug.
std::string PgNumber(Oid type, int64_t value);
std::string PgText(Oid type, std::string_view text);

// Of a column's bytes. Microseconds since 1970 for a time, 0 or 1 for a flag.
int64_t NumberFromPg(Oid type, std::string_view bytes);
// jsonb comes without white space, as we write JSON.
std::string TextFromPg(Oid type, std::string_view bytes);
bool IsPlainText(Oid type);  // TextFromPg would change nothing

}  // namespace parley
