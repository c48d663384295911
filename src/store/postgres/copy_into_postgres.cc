#include "store/postgres/copy_into_postgres.h"

#include <array>
#include <stdexcept>
#include <vector>

#include "base/hex.h"
#include "store/postgres/copied_tables.h"

namespace parley {
namespace {

constexpr Query kFileKey{"file_key", "SELECT value FROM parley_meta WHERE key = 'file_key'"};
constexpr size_t kLotBytes = 256 * 1024;

std::string Listed(const std::vector<CopiedColumn>& columns) {
  std::string out;
  for (const CopiedColumn& column : columns) {
    if (!out.empty()) out += ", ";
    out += column.name;
  }
  return out;
}

// The text format of COPY.
void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
}

void AppendField(std::string& out, const Statement& row, int at, const std::string& type) {
  if (row.IsNull(at)) {
    out += "\\N";
  } else if (type == "uuid") {
    AppendUuid(out, row.Id(at));
  } else if (type == "timestamptz") {
    AppendTimestamp(out, {row.Int(at)});
  } else if (type == "bytea") {
    out += "\\\\x";
    AppendHex(out, row.Blob(at));
  } else if (type.starts_with("int")) {
    out += std::to_string(row.Int(at));
  } else {
    AppendEscaped(out, row.Text(at));
  }
}

int64_t CountIn(PgConnection& connection, const std::string& table) {
  const PgResult rows = connection.Execute("SELECT count(*) FROM " + table);
  return std::stoll(::PQgetvalue(rows.get(), 0, 0));
}

// `select`: receives the statement, which the session identifies by its address.
int64_t CopyTable(SqlSession& from, PgConnection& to, const std::string& table,
                  std::string& select) {
  const std::vector<CopiedColumn> columns = CopiedColumnsOf(to, table);
  const std::string list = Listed(columns);
  select = "SELECT " + list + " FROM " + table;
  const Query query{"copy", select.c_str()};
  Statement& row = from.Prepare(query);
  to.StartCopy("COPY " + table + " (" + list + ") FROM STDIN");
  std::string lot;
  int64_t rows = 0;
  while (row.Step()) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) lot += '\t';
      AppendField(lot, row, static_cast<int>(i), columns[i].type);
    }
    lot += '\n';
    ++rows;
    if (lot.size() < kLotBytes) continue;
    to.SendCopy(lot);
    lot.clear();
  }
  to.SendCopy(lot);
  to.EndCopy();
  if (CountIn(to, table) != rows) throw StoreFailure(table + " changed during the copy");
  return rows;
}

}  // namespace

void CopyIntoPostgres(SqlSession& from, const PostgresOptions& to, const Clock& clock,
                      const CopyReport& report) {
  OpenPostgresStore(to, clock)->Close();  // checks the settings, and creates the schema
  try {
    PgTimes times = to.times;
    times.statement = std::chrono::hours(1);
    PgConnection connection(to.url, times);
    connection.Execute("BEGIN");
    for (const char* table : kCopiedTables) {
      connection.Execute(std::string("LOCK TABLE ") + table + " IN EXCLUSIVE MODE");
      if (CountIn(connection, table) == 0) continue;
      throw StoreFailure(std::string("it is not empty: ") + table + " has rows");
    }
    from.BeginRead();
    std::array<std::string, kCopiedTables.size()> selects;
    for (size_t i = 0; i < kCopiedTables.size(); ++i) {
      report(kCopiedTables[i], CopyTable(from, connection, kCopiedTables[i], selects[i]));
    }
    Statement& key = from.Prepare(kFileKey);
    // Hexadecimal digits of this program.
    const std::string file_key(key.Step() ? key.Text(0) : "");
    key.Run();
    from.Commit();
    connection.Execute("UPDATE parley_meta SET value = '" + file_key + "' WHERE key = 'file_key'");
    connection.Execute(
        "SELECT setval(pg_get_serial_sequence('parley_revocation', 'id'), "
        "(SELECT coalesce(max(id), 0) + 1 FROM parley_revocation), false)");
    connection.Execute("COMMIT");
  } catch (const StoreFailure& failure) {
    throw std::runtime_error(std::string("cannot copy into the PostgreSQL database: ") +
                             failure.what());
  }
}

}  // namespace parley
