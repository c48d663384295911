#include "store/sqlite/sqlite_backup.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "store/client_ids.h"
#include "store/restored_history.h"
#include "store/sqlite/open_sqlite.h"
#include "store/sqlite/sqlite_session.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMillis = 5000;
constexpr int kPagesAtOnce = 1024;

[[noreturn]] void Throw(const fs::path& file, const std::string& why) {
  throw std::runtime_error("cannot read the database " + file.string() + ": " + why);
}

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using PreparedStatement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Database Open(const std::string& name, const fs::path& file, int flags) {
  sqlite3* db = nullptr;
  const int result = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database opened(db);
  if (result != SQLITE_OK) Throw(file, sqlite3_errmsg(db));
  sqlite3_busy_timeout(db, kBusyMillis);
  return opened;
}

// The database of a data directory, which a server may be writing to. The connection needs write access for
// the locks, and writes nothing.
Database OpenLive(const fs::path& file) {
  if (!fs::exists(file)) {
    throw std::runtime_error("there is no store in the data directory " +
                             file.parent_path().string());
  }
  Database db = Open(file.string(), file, SQLITE_OPEN_READWRITE);
  if (sqlite3_exec(db.get(), "PRAGMA query_only = ON", nullptr, nullptr, nullptr) != SQLITE_OK) {
    Throw(file, sqlite3_errmsg(db.get()));
  }
  return db;
}

PreparedStatement Prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("cannot read the database: ") + sqlite3_errmsg(db));
  }
  return PreparedStatement(statement);
}

bool Step(sqlite3* db, const PreparedStatement& statement) {
  const int result = sqlite3_step(statement.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  throw std::runtime_error(std::string("cannot read the database: ") + sqlite3_errmsg(db));
}

std::string TextAt(const PreparedStatement& row, int at) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row.get(), at));
  return text == nullptr ? "" : text;
}

template <class Bytes>
void CopyBytes(const PreparedStatement& row, int at, Bytes& to) {
  const auto* from = static_cast<const uint8_t*>(sqlite3_column_blob(row.get(), at));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(row.get(), at));
  if (from != nullptr && size == to.size()) std::copy_n(from, size, to.begin());
}

void CheckLimits(const fs::path& file, const SqliteCopyLimits& limits) {
  std::error_code ignored;
  const auto wal = fs::file_size(file.string() + "-wal", ignored);
  if (!ignored && wal > static_cast<uintmax_t>(limits.wal_bytes)) {
    throw std::runtime_error(
        "the copy is too slow for the writes of the server: its write-ahead log has grown to " +
        std::to_string(wal) + " bytes. Back up to a faster disk, or when there is less load.");
  }
  struct statvfs disk{};
  if (::statvfs(file.parent_path().c_str(), &disk) != 0) return;
  const auto free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free < static_cast<uint64_t>(limits.least_free_bytes)) {
    throw std::runtime_error("the disk of " + file.parent_path().string() + " has only " +
                             std::to_string(free) +
                             " bytes free: the backup would endanger the server");
  }
}

}  // namespace

void CopySqlite(const fs::path& data_directory, const fs::path& to,
                const SqliteCopyLimits& limits) {
  const fs::path file = data_directory / kSqliteFile;
  SqliteSchema({.directory = data_directory});  // throws if it is newer
  const Database from = OpenLive(file);
  const Database copy = Open(to.string(), to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3_exec(copy.get(), "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", nullptr, nullptr,
               nullptr);
  // This transaction is the snapshot: without it, a step after a commit of the server would begin again.
  const bool begun = sqlite3_exec(from.get(), "BEGIN; SELECT count(*) FROM sqlite_master", nullptr,
                                  nullptr, nullptr) == SQLITE_OK;
  if (!begun) Throw(file, sqlite3_errmsg(from.get()));
  sqlite3_backup* backup = sqlite3_backup_init(copy.get(), "main", from.get(), "main");
  if (backup == nullptr) {
    throw std::runtime_error("cannot write " + to.string() + ": " + sqlite3_errmsg(copy.get()));
  }
  int result = SQLITE_OK;
  try {
    while (result == SQLITE_OK) {
      CheckLimits(file, limits);
      result = sqlite3_backup_step(backup, kPagesAtOnce);
    }
  } catch (...) {
    sqlite3_backup_finish(backup);
    throw;
  }
  sqlite3_backup_finish(backup);
  if (result == SQLITE_DONE) return;
  const std::string why = result == SQLITE_FULL ? "the disk is full" : sqlite3_errstr(result);
  throw std::runtime_error("cannot copy the database to " + to.string() + ": " + why);
}

SqliteCopy::SqliteCopy(const fs::path& file) {
  // Nothing writes to the file: SQLite needs no locks, and makes no files beside it.
  std::string uri = "file:";
  for (const char c : fs::absolute(file).string()) {
    constexpr const char* kHex = "0123456789ABCDEF";
    const auto byte = static_cast<uint8_t>(c);
    if (std::isalnum(byte) != 0 || c == '/' || c == '-' || c == '_' || c == '.') {
      uri += c;
    } else {
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  db_ = Open(uri + "?immutable=1", file, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI).release();
}

SqliteCopy::~SqliteCopy() { sqlite3_close(db_); }

void SqliteCopy::Check() const {
  const PreparedStatement row = Prepare(db_, "PRAGMA quick_check(1)");
  const std::string found = Step(db_, row) ? TextAt(row, 0) : "";
  if (found != "ok") throw std::runtime_error("the database is damaged: " + found);
}

int64_t SqliteCopy::Count(const std::string& table) const {
  const PreparedStatement row = Prepare(db_, "SELECT count(*) FROM " + table);
  return Step(db_, row) ? sqlite3_column_int64(row.get(), 0) : 0;
}

std::string SqliteCopy::Meta(const std::string& key) const {
  const PreparedStatement row = Prepare(db_, "SELECT value FROM parley_meta WHERE key = ?1");
  sqlite3_bind_text(row.get(), 1, key.c_str(), -1, SQLITE_TRANSIENT);
  return Step(db_, row) ? TextAt(row, 0) : "";
}

void SqliteCopy::ForEachFile(const std::function<void(const File&)>& call) const {
  // Stores of version 4 and older have no attachments.
  const PreparedStatement table =
      Prepare(db_, "SELECT 1 FROM sqlite_master WHERE name = 'messaging_attachment'");
  if (!Step(db_, table)) return;
  const PreparedStatement row =
      Prepare(db_, "SELECT id, file_size, digest FROM messaging_attachment ORDER BY id");
  while (Step(db_, row)) {
    File file;
    CopyBytes(row, 0, file.id.bytes);
    file.size = sqlite3_column_int64(row.get(), 1);
    CopyBytes(row, 2, file.digest);
    call(file);
  }
}

bool HasAttachment(const fs::path& data_directory, const Uuid& id) {
  const Database db = OpenLive(data_directory / kSqliteFile);
  const PreparedStatement row =
      Prepare(db.get(), "SELECT 1 FROM messaging_attachment WHERE id = ?1");
  sqlite3_bind_blob(row.get(), 1, id.bytes.data(), static_cast<int>(id.bytes.size()),
                    SQLITE_TRANSIENT);
  return Step(db.get(), row);
}

void UseSqlite(const fs::path& file, const Clock& clock,
               const std::function<void(SqlSession&)>& use) {
  SqliteSession session(file, SqliteSession::Mode::kWriter, false);
  MigrateSqlite(session, clock);
  use(session);
  session.Execute("PRAGMA journal_mode = DELETE");
}

void PrepareRestored(const fs::path& file, const Clock& clock) {
  SqliteSession session(file, SqliteSession::Mode::kWriter, true);
  MigrateSqlite(session, clock);
  session.Begin();
  ClientIds::AddMissing(session);
  BeginRestoredHistory(session, clock);
  session.Commit();
}

}  // namespace parley
