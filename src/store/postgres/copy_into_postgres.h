// Everything that one store holds, into an empty PostgreSQL database, in one transaction: it is all
// there in the end, or nothing is.
#pragma once
#include <functional>
#include <string>

#include "store/postgres/open_postgres.h"
#include "store/sql_session.h"

namespace parley {

// After each table: its name, and how many rows it has.
using CopyReport = std::function<void(const std::string& table, int64_t rows)>;

// `from`: of this Parley's schema; nobody writes to it meanwhile. The target's schema is made where
// it is not there. Throws std::runtime_error with one line: also where conversations are in it.
void CopyIntoPostgres(SqlSession& from, const PostgresOptions& to, const Clock& clock,
                      const CopyReport& report);

}  // namespace parley
