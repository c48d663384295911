// The embedded store: one SQLite file in a directory that one process holds.
#pragma once
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "store/schema.h"
#include "store/sql_session.h"
#include "store/store.h"

namespace parley {

struct SqliteOptions {
  std::filesystem::path directory;  // made (0700) where it is not there
  bool fsync = true;                // false: synchronous=OFF, for development alone
  size_t reader_threads = 2;
  size_t queue_writes = 10'000;  // writes that wait; more are refused
};

// Takes the lock, brings the schema up to date, opens the connections. Throws std::runtime_error
// with one line that names the directory or file.
std::unique_ptr<Store> OpenSqliteStore(const SqliteOptions& options, const Clock& clock);

// The store's file alone, of the newest schema, and the lock on its directory. Throws likewise, also
// where there is none.
struct SqliteFile {
  std::shared_ptr<void> lock;
  std::unique_ptr<SqlSession> session;
};
SqliteFile OpenSqliteFile(const SqliteOptions& options, const Clock& clock);
// Needs no lock: a server may be running.
SchemaState SqliteSchema(const SqliteOptions& options);

}  // namespace parley
