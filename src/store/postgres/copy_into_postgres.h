// Copies a whole store into an empty PostgreSQL database, in one transaction.
#pragma once
#include <functional>
#include <string>

#include "store/postgres/open_postgres.h"
#include "store/sql_session.h"

namespace parley {

// Called after each table, with its name and its number of rows.
using CopyReport = std::function<void(const std::string& table, int64_t rows)>;

// `from` must have the newest schema and must not change during the copy. Creates the schema of the target
// if needed. Throws std::runtime_error with one line, also if the target contains conversations.
void CopyIntoPostgres(SqlSession& from, const PostgresOptions& to, const Clock& clock,
                      const CopyReport& report);

}  // namespace parley
