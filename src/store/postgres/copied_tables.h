// The tables that a copy of a store contains, each after the tables that it references. Of the access log only the
// last day is kept, for nodes that are running; of parley_meta a copy needs single values.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "store/postgres/pg_connection.h"

namespace parley {

inline constexpr std::array kCopiedTables = {"messaging_conversation",
                                             "messaging_conversation_participant",
                                             "messaging_message",
                                             "parley_change",
                                             "messaging_attachment",
                                             "parley_removed_file",
                                             "parley_seen",
                                             "parley_revocation"};

struct CopiedColumn {
  std::string name;
  std::string type;  // as PostgreSQL names it, such as timestamptz
};

// The columns of a table that a copy contains, in their order: neither virtual ones, nor the position of a
// change, which a restore assigns anew. Throws StoreFailure.
std::vector<CopiedColumn> CopiedColumnsOf(PgConnection& connection, const std::string& table);

}  // namespace parley
