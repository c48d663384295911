// The rows of a takeover: numbers messages and fills the added columns, in small batches between the other
// system's transactions. Repeatable.
#pragma once
#include <iosfwd>

#include "store/postgres/pg_connection.h"

namespace parley::takeover {

void Backfill(PgConnection& connection, std::ostream& out);

// Direct conversations beyond the first of each pair.
int64_t CountSurplusPairs(PgConnection& connection);

}  // namespace parley::takeover
