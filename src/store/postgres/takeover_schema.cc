#include "store/postgres/takeover_schema.h"

#include <algorithm>
#include <map>
#include <set>

namespace parley::takeover {
namespace {

constexpr const char* kConversation = "messaging_conversation";
constexpr const char* kParticipant = "messaging_conversation_participant";
constexpr const char* kMessage = "messaging_message";
constexpr const char* kAttachment = "messaging_attachment";

enum class Is { kNotNull, kNullable };
struct ExpectedColumn {
  const char* table;
  const char* name;
  std::vector<std::string> types;
  Is null = Is::kNotNull;
};

const std::vector<std::string> kText = {"character varying", "text"};
const std::vector<std::string> kTime = {"timestamp with time zone"};
const std::vector<std::string> kUser = {"bigint", "integer", "uuid", "character varying", "text"};

const std::vector<ExpectedColumn>& Expected() {
  static const std::vector<ExpectedColumn> columns = {
      {kConversation, "id", {"uuid"}},
      {kConversation, "type", kText},
      {kConversation, "title", kText, Is::kNullable},
      {kConversation, "created_at", kTime},
      {kConversation, "last_message_at", kTime, Is::kNullable},
      {kConversation, "metadata", {"jsonb"}},
      {kParticipant, "id", {"uuid"}},
      {kParticipant, "conversation_id", {"uuid"}},
      {kParticipant, "user_id", kUser},
      {kParticipant, "joined_at", kTime},
      {kParticipant, "is_admin", {"boolean"}},
      {kParticipant, "last_read_at", kTime, Is::kNullable},
      {kMessage, "id", {"uuid"}},
      {kMessage, "conversation_id", {"uuid"}},
      {kMessage, "sender_id", kUser},
      {kMessage, "content", {"text"}},
      {kMessage, "content_type", kText},
      {kMessage, "sent_at", kTime},
      {kMessage, "delivered_at", kTime, Is::kNullable},
      {kMessage, "read_at", kTime, Is::kNullable},
      {kMessage, "metadata", {"jsonb"}},
      {kAttachment, "id", {"uuid"}},
      {kAttachment, "file_name", kText},
      {kAttachment, "file_path", kText},
      {kAttachment, "file_url", kText},
      {kAttachment, "file_size", {"integer", "bigint"}},
      {kAttachment, "content_type", kText},
      {kAttachment, "uploaded_by_id", kUser},
      {kAttachment, "uploaded_at", kTime},
      {kAttachment, "message_id", {"uuid"}, Is::kNullable},
      {kAttachment, "metadata", {"jsonb"}, Is::kNullable},
  };
  return columns;
}

struct Found {
  std::string type;
  bool nullable = false;
  bool has_default = false;
};

std::string OneOf(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " or ") + name;
  return text;
}

bool HasKey(PgConnection& connection, const char* table, const std::string& columns) {
  return AskOne(connection,
                std::string("SELECT 1 FROM pg_index i WHERE i.indrelid = '") + table +
                    "'::regclass AND i.indisunique AND i.indpred IS NULL AND "
                    "(SELECT string_agg(a.attname, ',' ORDER BY a.attname) FROM pg_attribute a "
                    "WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = '" +
                    columns + "' LIMIT 1") == "1";
}

// Parley folds UUIDs in tokens to lower case, so it would never find such a user.
std::string UpperCaseIds(PgConnection& connection) {
  const std::string count =
      AskOne(connection,
             "SELECT count(DISTINCT user_id::text) FROM messaging_conversation_participant WHERE "
             "user_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND "
             "user_id::text <> lower(user_id::text)");
  if (count == "0") return "";
  return "column messaging_conversation_participant.user_id has " + count +
         " UUIDs with upper-case letters; change the ids of these users to lower case";
}

}  // namespace

const std::vector<AddedColumn>& Columns() {
  static const std::vector<AddedColumn> columns = {
      {kConversation, "seq", "bigint", "NOT NULL DEFAULT 0"},
      {kConversation, "participant_count", "bigint", "NOT NULL DEFAULT 0"},
      {kConversation, "direct_key", "text"},
      {kConversation, "task_id", "text"},
      {kConversation, "deleted_at", "timestamptz"},
      {kConversation, "changed", "bigint", "NOT NULL DEFAULT 0",
       "pg_current_xact_id()::text::bigint"},
      {kConversation, "task_by_service", "smallint", "NOT NULL DEFAULT 0"},
      {kParticipant, "role", "smallint", "NOT NULL DEFAULT 0"},
      {kParticipant, "last_read_seq", "bigint", "NOT NULL DEFAULT 0"},
      {kMessage, "seq", "bigint"},
      {kMessage, "edited_at", "timestamptz"},
      {kMessage, "deleted_at", "timestamptz"},
      {kMessage, "reply_to", "uuid"},
      {kMessage, "client_id", "text COLLATE \"C\""},
      {kMessage, "request_hash", "bytea"},
      {kMessage, "attachment_count", "integer", "NOT NULL DEFAULT 0"},
      {kAttachment, "conversation_id", "uuid"},
      {kAttachment, "place", "integer", "NOT NULL DEFAULT 0"},
      {kAttachment, "digest", "bytea"},
      {kAttachment, "client_id", "text COLLATE \"C\""},
  };
  return columns;
}

const std::vector<AddedDefault>& Defaults() {
  static const std::vector<AddedDefault> defaults = {
      {kParticipant, "id", "gen_random_uuid()"},
      {kParticipant, "is_admin", "false"},
  };
  return defaults;
}

const std::vector<AddedIndex>& Indexes() {
  static const std::vector<AddedIndex> indexes = {
      // The first index finds the messages without a seq; the backfill needs it.
      {"parley_message_unnumbered", kMessage, "(conversation_id, sent_at, id) WHERE seq IS NULL"},
      {"parley_message_seq", kMessage, "(conversation_id, seq)", true},
      {"parley_message_client_id", kMessage,
       "(conversation_id, sender_id, client_id) WHERE client_id IS NOT NULL", true},
      {"parley_conversation_direct", kConversation, "(direct_key)", true},
      {"parley_conversation_task", kConversation, "(task_id) WHERE task_id IS NOT NULL", true},
      {"parley_conversation_deleted", kConversation, "(deleted_at) WHERE deleted_at IS NOT NULL"},
      {"parley_conversation_changed", kConversation, "(changed)"},
      {"parley_participant_user", kParticipant, "(user_id, conversation_id)"},
      {"parley_participant_joined", kParticipant, "(conversation_id, joined_at, user_id)"},
      {"parley_attachment_message", kAttachment,
       "(message_id, place) WHERE message_id IS NOT NULL"},
      {"parley_attachment_conversation", kAttachment,
       "(conversation_id) WHERE conversation_id IS NOT NULL"},
      {"parley_attachment_unattached", kAttachment,
       "(uploaded_at) WHERE message_id IS NULL AND digest IS NOT NULL"},
      {"parley_attachment_uploader", kAttachment,
       "(uploaded_by_id) WHERE message_id IS NULL AND digest IS NOT NULL"},
      {"parley_attachment_bytes", kAttachment, "(uploaded_by_id, file_size)"},
      {"parley_attachment_client_id", kAttachment,
       "(uploaded_by_id, client_id) WHERE client_id IS NOT NULL", true},
  };
  return indexes;
}

std::vector<std::string> Differences(PgConnection& connection, bool begun) {
  std::map<std::string, std::map<std::string, Found>> tables;
  for (const auto& row : Ask(connection,
                             "SELECT table_name, column_name, data_type, is_nullable, "
                             "column_default IS NOT NULL OR is_identity = 'YES' "
                             "FROM information_schema.columns WHERE table_schema = "
                             "current_schema() AND table_name LIKE 'messaging\\_%'")) {
    tables[row[0]][row[1]] = {row[2], row[3] == "YES", row[4] == "t"};
  }
  std::vector<std::string> out;
  for (const char* table : kTables) {
    if (!tables.contains(table)) out.push_back("table " + std::string(table) + " is missing");
  }
  std::map<std::string, std::set<std::string>> known;
  for (const ExpectedColumn& column : Expected()) {
    known[column.table].insert(column.name);
    if (!tables.contains(column.table)) continue;
    const std::string name = std::string(column.table) + "." + column.name;
    const auto found = tables[column.table].find(column.name);
    if (found == tables[column.table].end()) {
      out.push_back("column " + name + " is missing");
    } else if (std::ranges::find(column.types, found->second.type) == column.types.end()) {
      out.push_back("column " + name + " is " + found->second.type + ", not " +
                    OneOf(column.types));
    } else if (column.null == Is::kNullable && !found->second.nullable) {
      out.push_back("column " + name + " is NOT NULL; it must accept NULL");
    }
  }
  for (const AddedColumn& column : Columns()) {
    known[column.table].insert(column.name);
    if (begun || !tables[column.table].contains(column.name)) continue;
    out.push_back("column " + std::string(column.table) + "." + column.name +
                  " exists already; Parley adds a column with this name");
  }
  for (const char* table : kTables) {
    for (const auto& [name, found] : tables[table]) {
      if (known[table].contains(name) || found.nullable || found.has_default) continue;
      out.push_back("column " + std::string(table) + "." + name +
                    " is unknown, and NOT NULL without a default in the database");
    }
  }
  if (!out.empty()) return out;
  const std::string user = tables[kParticipant]["user_id"].type;
  for (const auto& [table, column] :
       {std::pair{kMessage, "sender_id"}, {kAttachment, "uploaded_by_id"}}) {
    const std::string& type = tables[table][column].type;
    if (type == user) continue;
    out.push_back("column " + std::string(table) + "." + column + " is " + type + ", but " +
                  kParticipant + ".user_id is " + user);
  }
  for (const char* table : kTables) {
    if (HasKey(connection, table, "id")) continue;
    out.push_back("table " + std::string(table) + " has no primary key on id");
  }
  if (!HasKey(connection, kParticipant, "conversation_id,user_id")) {
    out.push_back("table " + std::string(kParticipant) +
                  " has no unique constraint on (conversation_id, user_id)");
  }
  if (const std::string difference = UpperCaseIds(connection); !difference.empty()) {
    out.push_back(difference);
  }
  return out;
}

std::string UserType(PgConnection& connection) {
  const std::string type = AskOne(
      connection,
      "SELECT data_type FROM information_schema.columns WHERE table_schema = current_schema() "
      "AND table_name = 'messaging_conversation_participant' AND column_name = 'user_id'");
  return type == "character varying" ? "text" : type;
}

Rows Ask(PgConnection& connection, const std::string& sql) {
  const PgResult result = connection.Execute(sql);
  Rows rows;
  for (int row = 0; row < ::PQntuples(result.get()); ++row) {
    auto& cells = rows.emplace_back();
    for (int column = 0; column < ::PQnfields(result.get()); ++column) {
      cells.emplace_back(::PQgetvalue(result.get(), row, column));
    }
  }
  return rows;
}

std::string AskOne(PgConnection& connection, const std::string& sql) {
  const Rows rows = Ask(connection, sql);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0];
}

}  // namespace parley::takeover
