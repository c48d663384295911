// Backups of the embedded store: a consistent copy of the database while a server writes to it, and what a
// backup must know of the copy. Blocks. Threads: one.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "domain/attachment.h"
#include "store/sql_session.h"

struct sqlite3;

namespace parley {

inline constexpr const char* kSqliteFile = "parley.db";  // in the data directory

struct SqliteCopyLimits {
  // The server cannot reuse its write-ahead log while a copy is made, so the log grows.
  int64_t wal_bytes = int64_t{4} << 30;          // maximum size of the log
  int64_t least_free_bytes = 256 * 1024 * 1024;  // minimum free space beside the database
};

// Copies the database of `data_directory`, as of the moment of the call, to the new file `to`. All writes that
// were acknowledged before the call are in the copy. The copy is not synced. Throws std::runtime_error, also if
// the schema is newer than this version supports, or if a limit is exceeded.
void CopySqlite(const std::filesystem::path& data_directory, const std::filesystem::path& to,
                const SqliteCopyLimits& limits);

// A database that no process writes to. Throws std::runtime_error.
class SqliteCopy {
 public:
  explicit SqliteCopy(const std::filesystem::path& file);
  ~SqliteCopy();
  SqliteCopy(const SqliteCopy&) = delete;
  SqliteCopy& operator=(const SqliteCopy&) = delete;

  // Throws if the database is damaged. Reads all of it.
  void Check() const;
  int64_t Count(const std::string& table) const;
  std::string Meta(const std::string& key) const;  // of parley_meta; empty if absent
  struct File {
    Uuid id;
    int64_t size = 0;  // bytes
    ContentDigest digest{};
  };
  void ForEachFile(const std::function<void(const File&)>& call) const;

 private:
  sqlite3* db_ = nullptr;
};

// Returns true if the live database still has the attachment.
bool HasAttachment(const std::filesystem::path& data_directory, const Uuid& id);

// Creates a database with the newest schema, or opens and upgrades one, and calls `use` with it. Afterwards the
// database is one file. Throws std::runtime_error.
void UseSqlite(const std::filesystem::path& file, const Clock& clock,
               const std::function<void(SqlSession&)>& use);

// Turns a copy of a database into the database of a restored store: upgrades its schema and begins a new history
// (BeginRestoredHistory). On return the file is on disk. Throws std::runtime_error.
void PrepareRestored(const std::filesystem::path& file, const Clock& clock);

}  // namespace parley
