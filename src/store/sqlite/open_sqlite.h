// The embedded store: a SQLite file in a directory that one process locks.
#pragma once
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "store/schema.h"
#include "store/sql_session.h"
#include "store/store.h"

namespace parley {

struct SqliteOptions {
  std::filesystem::path directory;  // created (0700) if it does not exist
  bool fsync = true;                // false: synchronous=OFF, for development only
  size_t reader_threads = 2;
  size_t queue_writes = 10'000;  // maximum queued writes; more are refused
};

// Takes the lock, migrates the schema, and opens the connections. Throws std::runtime_error with one line
// that names the directory or file.
std::unique_ptr<Store> OpenSqliteStore(const SqliteOptions& options, const Clock& clock);

// Takes the lock and opens only the file, with the newest schema. Throws as above, and if there is no
// store.
struct SqliteFile {
  std::shared_ptr<void> lock;
  std::unique_ptr<SqlSession> session;
};
SqliteFile OpenSqliteFile(const SqliteOptions& options, const Clock& clock);
// Upgrades the schema, or creates it. Throws StoreFailure, and std::runtime_error if it is too new.
void MigrateSqlite(SqlSession& session, const Clock& clock);

// While this file is in a data directory, a restore has not finished, and no store can be opened there.
inline constexpr const char* kRestoringFile = "RESTORING";
// Takes the lock of a data directory, which is created if it does not exist. Throws as above.
std::shared_ptr<void> LockForRestore(const std::filesystem::path& directory);
// Takes no lock: a server may be running.
SchemaState SqliteSchema(const SqliteOptions& options);

}  // namespace parley
