// Copies a whole store from a PostgreSQL database into an embedded store, for a backup.
#pragma once
#include "store/postgres/open_postgres.h"
#include "store/sql_session.h"

namespace parley {

// `to` is an embedded store that was just created, with the newest schema. The copy has one snapshot of the
// database, as of the moment of the call; nodes continue to write. Throws std::runtime_error with one line, also if
// the schema of the database is not that of this version, or if Django shares the database.
void CopyFromPostgres(const PostgresOptions& from, SqlSession& to);

// Returns true if the database still has the attachment.
bool PostgresHasAttachment(const PostgresOptions& options, const Uuid& id);

}  // namespace parley
