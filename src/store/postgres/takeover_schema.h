// The tables of the guide's Django system, what Parley needs of them, and what a takeover adds to them.
#pragma once
#include <string>
#include <vector>

#include "store/postgres/pg_connection.h"

namespace parley::takeover {

struct AddedColumn {
  const char* table;
  const char* name;
  const char* type;
  // Both without effect on existing rows, so that adding the column does not rewrite the table.
  const char* constraint = "";
  const char* later_default = nullptr;  // for rows inserted from then on
};
struct AddedDefault {  // of a column of the other system, which Parley's INSERTs do not name
  const char* table;
  const char* column;
  const char* value;
};
struct AddedIndex {
  const char* name;
  const char* table;
  const char* on;  // columns and condition
  bool unique = false;
};

const std::vector<AddedColumn>& Columns();
const std::vector<AddedDefault>& Defaults();
const std::vector<AddedIndex>& Indexes();
inline constexpr const char* kTables[] = {"messaging_conversation",
                                          "messaging_conversation_participant", "messaging_message",
                                          "messaging_attachment"};

// Compares the tables with those of the guide's system. Returns one line for each difference that keeps Parley
// from using them. `begun`: a takeover has begun, so Parley's columns may exist.
std::vector<std::string> Differences(PgConnection& connection, bool begun);

// Returns the type of the user ids: "bigint", "integer", "uuid", "text"; "" without the table.
std::string UserType(PgConnection& connection);

// The rows of a query, as text; NULL is "".
using Rows = std::vector<std::vector<std::string>>;
Rows Ask(PgConnection& connection, const std::string& sql);
// The first column of the first row; "" if there is none.
std::string AskOne(PgConnection& connection, const std::string& sql);

}  // namespace parley::takeover
