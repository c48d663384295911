#include "store/postgres/copy_from_postgres.h"

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/postgres/copied_tables.h"
#include "store/postgres/pg_values.h"
#include "store/postgres/takeover.h"

namespace parley {
namespace {

constexpr int kRowsAtOnce = 500;
constexpr int kRowsPerCommit = 50'000;

// The value as text that Bind converts to the embedded store's type.
std::string Selected(const CopiedColumn& column) {
  if (column.type == "timestamptz") {
    return "(extract(epoch FROM " + column.name + ") * 1000000)::bigint";
  }
  if (column.type == "bytea") return "encode(" + column.name + ", 'hex')";
  return column.name + "::text";
}

int DigitOf(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

std::vector<uint8_t> BytesOf(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(DigitOf(hex[i]) << 4 | DigitOf(hex[i + 1])));
  }
  return bytes;
}

// `held`: keeps a converted text until the row is inserted.
void BindColumn(Statement& row, int at, const CopiedColumn& column, std::string_view text,
                std::string& held) {
  if (column.type == "uuid") {
    row.Bind(at, Uuid::Parse(text).value_or(Uuid()));
  } else if (column.type == "bytea") {
    row.BindBlob(at, BytesOf(text));
  } else if (column.type == "timestamptz" || column.type.starts_with("int")) {
    row.Bind(at, static_cast<int64_t>(std::stoll(std::string(text))));
  } else if (column.type == "jsonb") {
    held = WithoutWhiteSpace(text);
    row.Bind(at, std::string_view(held));
  } else {
    row.Bind(at, text);
  }
}

// `insert`: receives the statement, which the session identifies by its address.
void CopyTable(PgConnection& from, SqlSession& to, const std::string& table, std::string& insert) {
  const std::vector<CopiedColumn> columns = CopiedColumnsOf(from, table);
  std::string names, selected, places;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string separator = i == 0 ? "" : ", ";
    names += separator + columns[i].name;
    selected += separator + Selected(columns[i]);
    places += separator + "?" + std::to_string(i + 1);
  }
  if (table == kCopiedTables.front()) {  // the column has no default
    names += ", changed";
    places += ", 0";
  }
  insert = "INSERT INTO " + table + " (" + names + ") VALUES (" + places + ")";
  const Query query{"copy", insert.c_str()};
  from.Execute("DECLARE parley_copy NO SCROLL CURSOR FOR SELECT " + selected + " FROM " + table);
  const std::string fetch = "FETCH " + std::to_string(kRowsAtOnce) + " FROM parley_copy";
  std::vector<std::string> held(columns.size());
  to.Begin();
  for (int in_transaction = 0;;) {
    const PgResult rows = from.Execute(fetch);
    const int count = ::PQntuples(rows.get());
    for (int i = 0; i < count; ++i) {
      Statement& row = to.Prepare(query);
      for (size_t k = 0; k < columns.size(); ++k) {
        const int at = static_cast<int>(k);
        if (::PQgetisnull(rows.get(), i, at) != 0) {
          row.BindNull(at + 1);
          continue;
        }
        const auto size = static_cast<size_t>(::PQgetlength(rows.get(), i, at));
        BindColumn(row, at + 1, columns[k], {::PQgetvalue(rows.get(), i, at), size}, held[k]);
      }
      row.Run();
    }
    if (count == 0) break;
    in_transaction += count;
    if (in_transaction < kRowsPerCommit) continue;
    to.Commit();
    to.Begin();
    in_transaction = 0;
  }
  to.Commit();
  from.Execute("CLOSE parley_copy");
}

// The identity, and the key that signs links to files.
void CopyMeta(PgConnection& from, SqlSession& to) {
  constexpr Query kSet{"set_meta", "UPDATE parley_meta SET value = ?2 WHERE key = ?1"};
  const PgResult rows =
      from.Execute("SELECT key, value FROM parley_meta WHERE key IN ('store_id', 'file_key')");
  to.Begin();
  for (int i = 0; i < ::PQntuples(rows.get()); ++i) {
    const std::string key = ::PQgetvalue(rows.get(), i, 0), value = ::PQgetvalue(rows.get(), i, 1);
    to.Prepare(kSet).Bind(1, key).Bind(2, value).Run();
  }
  to.Commit();
}

PgTimes LongTimes(const PostgresOptions& options) {
  PgTimes times = options.times;
  times.statement = std::chrono::hours(1);
  return times;
}

}  // namespace

void CopyFromPostgres(const PostgresOptions& from, SqlSession& to) {
  CheckPostgres(from);
  if (FindTakeover(from) != TakeoverState::kNone) {
    throw std::runtime_error(
        "Django shares this database: back it up whole with pg_dump, and the attachments directory "
        "with it");
  }
  const SchemaState schema = PostgresSchema(from);
  if (schema.version == 0) throw std::runtime_error("there is no store in the PostgreSQL database");
  if (schema.version != schema.wanted) {
    throw std::runtime_error("the database has schema " + std::to_string(schema.version) +
                             ", this version backs up schema " + std::to_string(schema.wanted) +
                             " only");
  }
  try {
    PgConnection connection(from.url, LongTimes(from));
    connection.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    std::array<std::string, kCopiedTables.size()> inserts;
    for (size_t i = 0; i < kCopiedTables.size(); ++i) {
      CopyTable(connection, to, kCopiedTables[i], inserts[i]);
    }
    CopyMeta(connection, to);
    connection.Execute("COMMIT");
  } catch (const StoreFailure& failure) {
    throw std::runtime_error(std::string("cannot copy the PostgreSQL database: ") + failure.what());
  }
}

bool PostgresHasAttachment(const PostgresOptions& options, const Uuid& id) {
  PgConnection connection(options.url, options.times);
  const PgResult rows =
      connection.Execute("SELECT 1 FROM messaging_attachment WHERE id = '" + id.ToString() + "'");
  return ::PQntuples(rows.get()) > 0;
}

}  // namespace parley
