#include "store/postgres/copied_tables.h"

namespace parley {

std::vector<CopiedColumn> CopiedColumnsOf(PgConnection& connection, const std::string& table) {
  const PgResult rows = connection.Execute(
      "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = "
      "current_schema() AND table_name = '" +
      table + "' AND column_name NOT IN ('txn', 'changed') ORDER BY ordinal_position");
  std::vector<CopiedColumn> columns;
  for (int i = 0; i < ::PQntuples(rows.get()); ++i) {
    columns.push_back({::PQgetvalue(rows.get(), i, 0), ::PQgetvalue(rows.get(), i, 1)});
  }
  return columns;
}

}  // namespace parley
