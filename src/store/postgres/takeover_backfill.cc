#include "store/postgres/takeover_backfill.h"

#include <chrono>
#include <initializer_list>
#include <ostream>
#include <string_view>
#include <thread>
#include <utility>

#include "store/postgres/takeover_schema.h"

namespace parley::takeover {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Rows in a batch: few enough that a writer of the other system waits for a fraction of a second at most.
constexpr const char* kMessages = "2000";
constexpr const char* kOthers = "500";
constexpr const char* kNone = "00000000-0000-0000-0000-000000000000";
constexpr auto kBusyPause = std::chrono::milliseconds(200);
constexpr auto kProgressEvery = std::chrono::seconds(5);

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

// Replaces each {name} in the text.
std::string Filled(std::string text,
                   std::initializer_list<std::pair<std::string_view, std::string>> values) {
  for (const auto& [name, value] : values) {
    size_t at = 0;
    while ((at = text.find(name, at)) != std::string::npos) {
      text.replace(at, name.size(), value);
      at += value.size();
    }
  }
  return text;
}

// Runs a batch, again while rows are locked by others, and then leaves the database a quarter of the time.
Rows RunBatch(PgConnection& connection, const std::string& sql) {
  while (true) {
    const auto since = SteadyClock::now();
    try {
      Rows rows = Ask(connection, sql);
      std::this_thread::sleep_for((SteadyClock::now() - since) / 4);
      return rows;
    } catch (const StoreFailure& failure) {
      if (failure.kind() != StoreFailure::Kind::kLocked &&
          failure.kind() != StoreFailure::Kind::kConflict) {
        throw;
      }
    }
    std::this_thread::sleep_for(kBusyPause);
  }
}

class Progress {
 public:
  Progress(std::ostream& out, const char* what) : out_(out), what_(what) {}
  void Add(int64_t rows) {
    rows_ += rows;
    if (SteadyClock::now() < next_) return;
    next_ = SteadyClock::now() + kProgressEvery;
    out_ << "  " << rows_ << " " << what_ << " …" << std::endl;
  }
  void Finish() const {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - since_).count();
    out_ << "  " << rows_ << " " << what_ << " in " << static_cast<int64_t>(seconds * 1000) << " ms"
         << std::endl;
  }

 private:
  std::ostream& out_;
  const char* const what_;
  const SteadyClock::time_point since_ = SteadyClock::now();
  SteadyClock::time_point next_ = since_ + kProgressEvery;
  int64_t rows_ = 0;
};

// Numbers the next messages without a seq after a position, in the order (conversation, sent_at, id). The
// conversations' rows are locked, so that their heads do not move meanwhile.
constexpr const char* kNumberSome =
    "WITH lot AS MATERIALIZED (SELECT id, conversation_id, sent_at "
    "FROM messaging_message WHERE seq IS NULL AND "
    "(conversation_id, sent_at, id) > ("
    "{after}"
    ") ORDER BY conversation_id, sent_at, id LIMIT "
    "{rows}"
    "), locked AS MATERIALIZED (SELECT id, seq FROM messaging_conversation WHERE id IN "
    "(SELECT conversation_id FROM lot) ORDER BY id FOR NO KEY UPDATE), "
    "numbered AS MATERIALIZED (SELECT lot.id, locked.seq + row_number() OVER "
    "(PARTITION BY conversation_id ORDER BY sent_at, lot.id) AS seq "
    "FROM lot JOIN locked ON locked.id = lot.conversation_id), "
    "written AS (UPDATE messaging_message m SET seq = n.seq FROM numbered n "
    "WHERE m.id = n.id AND m.seq IS NULL RETURNING m.conversation_id, m.seq), "
    "heads AS (UPDATE messaging_conversation c SET seq = w.head FROM "
    "(SELECT conversation_id, max(seq) AS head FROM written GROUP BY conversation_id) w "
    "WHERE c.id = w.conversation_id) "
    "SELECT (SELECT count(*) FROM written), conversation_id, sent_at, id FROM lot "
    "ORDER BY conversation_id DESC, sent_at DESC, id DESC LIMIT 1";

void NumberMessages(PgConnection& connection, std::ostream& out) {
  Progress progress(out, "messages numbered");
  constexpr const char* kAfter = "'{conversation}'::uuid, '{sent_at}'::timestamptz, '{id}'::uuid";
  const std::string start =
      Filled(kAfter, {{"{conversation}", kNone}, {"{sent_at}", "-infinity"}, {"{id}", kNone}});
  // A second pass finds the messages that were inserted before the position during the first.
  for (int pass = 0; pass < 2; ++pass) {
    std::string after = start;
    while (true) {
      const Rows rows =
          RunBatch(connection, Filled(kNumberSome, {{"{after}", after}, {"{rows}", kMessages}}));
      if (rows.empty()) break;
      const auto& last = rows.front();
      progress.Add(std::stoll(last[0]));
      after =
          Filled(kAfter, {{"{conversation}", last[1]}, {"{sent_at}", last[2]}, {"{id}", last[3]}});
    }
  }
  progress.Finish();
}

// Roles, read marks and counts of the next conversations after an id. Messages are numbered by time, so the last
// one that a member has read is the last one sent until then.
constexpr const char* kFillSome =
    "WITH lot AS MATERIALIZED (SELECT id FROM messaging_conversation WHERE "
    "id > "
    "{after}"
    " ORDER BY id LIMIT "
    "{rows}"
    "), found AS MATERIALIZED (SELECT p.id, "
    "greatest(p.role, CASE WHEN p.is_admin THEN 1 ELSE 0 END) AS role, "
    "greatest(p.last_read_seq, CASE WHEN p.last_read_at IS NOT NULL THEN "
    "(SELECT m.seq FROM messaging_message m WHERE m.conversation_id = p.conversation_id "
    "AND m.seq IS NOT NULL AND m.sent_at <= p.last_read_at "
    "ORDER BY m.sent_at DESC, m.seq DESC LIMIT 1) "
    "ELSE (SELECT m.seq FROM messaging_message m "
    "WHERE m.conversation_id = p.conversation_id AND m.seq IS NOT NULL "
    "AND m.read_at IS NOT NULL AND m.sender_id <> p.user_id "
    "ORDER BY m.seq DESC LIMIT 1) END) AS mark "
    "FROM messaging_conversation_participant p JOIN lot ON lot.id = p.conversation_id), "
    "members AS (UPDATE messaging_conversation_participant p SET role = f.role, "
    "last_read_seq = f.mark FROM found f WHERE p.id = f.id "
    "AND (p.role <> f.role OR p.last_read_seq <> f.mark) RETURNING 1), "
    "counted AS (SELECT lot.id, (SELECT count(*) FROM messaging_conversation_participant p "
    "WHERE p.conversation_id = lot.id) AS members FROM lot), "
    "counts AS (UPDATE messaging_conversation c SET participant_count = n.members "
    "FROM counted n WHERE c.id = n.id AND c.participant_count <> n.members) "
    "SELECT (SELECT count(*) FROM members), id FROM lot ORDER BY id DESC LIMIT 1";

void FillMembers(PgConnection& connection, std::ostream& out) {
  Progress progress(out, "participants given a role or a read mark");
  std::string after = Quoted(kNone);
  while (true) {
    const Rows rows =
        RunBatch(connection, Filled(kFillSome, {{"{after}", after}, {"{rows}", kOthers}}));
    if (rows.empty()) break;
    progress.Add(std::stoll(rows.front()[0]));
    after = Quoted(rows.front()[1]);
  }
  progress.Finish();
}

// The key of each direct conversation that has exactly two members.
constexpr const char* kPairs =
    "SELECT c.id, c.created_at, min(p.name) || ' ' || max(p.name) AS key "
    "FROM messaging_conversation c JOIN (SELECT conversation_id, "
    "user_id::text COLLATE \"C\" AS name FROM messaging_conversation_participant) p "
    "ON p.conversation_id = c.id WHERE c.type = 'direct' GROUP BY c.id HAVING count(*) = 2";
// An index cannot hold a very long key; the API accepts 255 characters.
constexpr const char* kTasks =
    "SELECT id, created_at, metadata ->> 'task_id' AS key FROM messaging_conversation "
    "WHERE type = 'task' AND length(metadata ->> 'task_id') BETWEEN 1 AND 255";

// Gives the oldest conversation of each key its key, unless another one has it.
void SetKeys(PgConnection& connection, std::ostream& out, const char* column, const char* keys,
             const char* what) {
  Progress progress(out, what);
  connection.Execute(
      Filled("DROP TABLE IF EXISTS pg_temp.parley_keys; CREATE TEMPORARY TABLE parley_keys AS "
             "SELECT DISTINCT ON (key) id, key FROM ({keys}) AS keys ORDER BY key, created_at, id",
             {{"{keys}", keys}}));
  const std::string set = Filled(
      "WITH lot AS (DELETE FROM parley_keys WHERE id IN (SELECT id FROM parley_keys LIMIT {rows}) "
      "RETURNING id, key), written AS (UPDATE messaging_conversation c SET {column} = lot.key "
      "FROM lot WHERE c.id = lot.id AND c.{column} IS NULL AND NOT EXISTS "
      "(SELECT 1 FROM messaging_conversation o WHERE o.{column} = lot.key) RETURNING 1) "
      "SELECT (SELECT count(*) FROM lot), (SELECT count(*) FROM written)",
      {{"{rows}", kOthers}, {"{column}", column}});
  while (true) {
    const Rows rows = RunBatch(connection, set);
    if (rows.front()[0] == "0") break;
    progress.Add(std::stoll(rows.front()[1]));
  }
  progress.Finish();
}

// The guide's system does not link an upload to its message: the client names it in the message.
constexpr const char* kLinkSome =
    "WITH lot AS MATERIALIZED (SELECT id, file_url, uploaded_by_id, uploaded_at "
    "FROM messaging_attachment WHERE message_id IS NULL AND digest IS NULL "
    "AND id > "
    "{after}"
    " ORDER BY id LIMIT "
    "{rows}"
    "), named AS (SELECT lot.id, (SELECT m.id FROM messaging_message m "
    "WHERE m.sender_id = lot.uploaded_by_id AND m.sent_at >= lot.uploaded_at "
    "AND m.sent_at < lot.uploaded_at + interval '1 day' AND "
    "(strpos(m.content, lot.id::text) > 0 OR strpos(m.metadata::text, lot.id::text) > 0 OR "
    "(lot.file_url <> '' AND (strpos(m.content, lot.file_url) > 0 OR "
    "strpos(m.metadata::text, lot.file_url) > 0))) ORDER BY m.sent_at LIMIT 1) AS message "
    "FROM lot), written AS (UPDATE messaging_attachment a SET message_id = named.message "
    "FROM named WHERE a.id = named.id AND named.message IS NOT NULL RETURNING 1) "
    "SELECT (SELECT count(*) FROM written), id FROM lot ORDER BY id DESC LIMIT 1";

constexpr const char* kPlaceSome =
    "WITH lot AS MATERIALIZED (SELECT id, message_id FROM messaging_attachment "
    "WHERE message_id IS NOT NULL AND conversation_id IS NULL AND id > "
    "{after}"
    " ORDER BY id LIMIT "
    "{rows}"
    "), placed AS (UPDATE messaging_attachment a SET conversation_id = m.conversation_id, "
    "place = (SELECT count(*) FROM messaging_attachment b WHERE b.message_id = a.message_id "
    "AND (b.uploaded_at, b.id) < (a.uploaded_at, a.id)) "
    "FROM lot JOIN messaging_message m ON m.id = lot.message_id WHERE a.id = lot.id "
    "RETURNING 1), counted AS (UPDATE messaging_message m SET attachment_count = "
    "(SELECT count(*) FROM messaging_attachment b WHERE b.message_id = m.id) "
    "WHERE m.id IN (SELECT message_id FROM lot)) "
    "SELECT (SELECT count(*) FROM placed), id FROM lot ORDER BY id DESC LIMIT 1";

void FillAttachments(PgConnection& connection, std::ostream& out) {
  for (const auto& [sql, what] :
       {std::pair{kLinkSome, "uploads linked to the message that names them"},
        std::pair{kPlaceSome, "attachments placed"}}) {
    Progress progress(out, what);
    std::string after = Quoted(kNone);
    while (true) {
      const Rows rows =
          RunBatch(connection, Filled(sql, {{"{after}", after}, {"{rows}", kOthers}}));
      if (rows.empty()) break;
      progress.Add(std::stoll(rows.front()[0]));
      after = Quoted(rows.front()[1]);
    }
    progress.Finish();
  }
}

}  // namespace

void Backfill(PgConnection& connection, std::ostream& out) {
  out << "filling columns" << std::endl;
  NumberMessages(connection, out);
  FillMembers(connection, out);
  SetKeys(connection, out, "direct_key", kPairs, "direct conversations given their pair");
  SetKeys(connection, out, "task_id", kTasks, "task conversations given their task");
  FillAttachments(connection, out);
  // The triggers recorded messages that the backfill has numbered meanwhile.
  connection.Execute(
      "DELETE FROM parley_inbox i USING messaging_message m "
      "WHERE i.kind = 0 AND m.id = i.message_id AND m.seq IS NOT NULL");
  for (const char* table : kTables) connection.Execute(std::string("ANALYZE ") + table);
}

int64_t CountSurplusPairs(PgConnection& connection) {
  return std::stoll(AskOne(
      connection,
      Filled("SELECT count(*) - count(DISTINCT key) FROM ({keys}) AS keys", {{"{keys}", kPairs}})));
}

}  // namespace parley::takeover
