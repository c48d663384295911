// Conversions between the types of Statement and PostgreSQL's binary formats. The type that the server
// determined for a parameter selects the format: a number becomes a bigint, an integer, a boolean or a
// timestamp; a text may become jsonb.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace parley {

// Encodes a parameter for this type. Throws StoreFailure if the value does not fit the type, which is a bug.
std::string PgNumber(Oid type, int64_t value);
// The text is a user id if the type is an integer or uuid. nullopt: it is not the text of such a value, in the
// form in which the database returns it.
std::optional<std::string> PgText(Oid type, std::string_view text);

// Decodes a column: microseconds since 1970 for a timestamp, 0 or 1 for a boolean.
int64_t NumberFromPg(Oid type, std::string_view bytes);
// Decodes a column. Removes the white space of jsonb; integers and uuids (user ids) become text.
std::string TextFromPg(Oid type, std::string_view bytes);
// Removes the white space that jsonb has outside strings.
std::string WithoutWhiteSpace(std::string_view json);
bool IsPlainText(Oid type);  // TextFromPg returns the bytes unchanged

// The type of the elements of an array type; 0: it is not one that the store uses.
Oid PgElementType(Oid type);
// Appends an element, encoded for its type, to an array in binary format; nullopt is NULL. An empty string becomes an
// array of one dimension.
void PgAppend(std::string& array, Oid element_type, const std::optional<std::string>& element);

}  // namespace parley
