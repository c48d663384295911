#include "store/sqlite/open_sqlite.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "store/client_ids.h"
#include "store/migrations.h"
#include "store/queries.h"
#include "store/sql_store.h"
#include "store/sqlite/sqlite_backup.h"
#include "store/sqlite/sqlite_session.h"

namespace parley {
namespace {

constexpr Query kSchemaVersion{"schema_version",
                               "SELECT value FROM parley_meta WHERE key = 'schema_version'"};
constexpr Query kSetMeta{"set_meta",
                         "INSERT OR REPLACE INTO parley_meta (key, value) VALUES (?1, ?2)"};
constexpr Query kIdentity{"identity", "SELECT value FROM parley_meta WHERE key = 'store_id'"};
constexpr Query kFileKey{"file_key", "SELECT value FROM parley_meta WHERE key = 'file_key'"};
constexpr Query kHasMeta{"has_meta", "SELECT 1 FROM sqlite_master WHERE name = 'parley_meta'"};

// The first schema versions with these keys.
constexpr int64_t kFileKeySince = 11;
constexpr int64_t kClientIdKeySince = 12;

const Migrations& Scripts() {
  static const Migrations scripts("sqlite");
  return scripts;
}

// Held while the store is open; the kernel releases it when the process ends.
class DirectoryLock {
 public:
  enum class Use { kStore, kRestore };
  explicit DirectoryLock(const std::filesystem::path& directory, Use use = Use::kStore) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) Refuse(directory, error.message());
    ::chmod(directory.c_str(), 0700);
    fd_ = ::open((directory / "LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) Refuse(directory, std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      Refuse(directory, "another Parley is using it");
    }
    if (use == Use::kStore && std::filesystem::exists(directory / kRestoringFile)) {
      ::close(std::exchange(fd_, -1));
      Refuse(directory, "a restore did not finish: run `parley restore` again");
    }
  }
  ~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

 private:
  [[noreturn]] static void Refuse(const std::filesystem::path& directory, const std::string& why) {
    throw std::runtime_error("cannot use the data directory " + directory.string() + ": " + why);
  }
  int fd_ = -1;
};

int64_t VersionOf(SqlSession& session) {
  int64_t version = 0;
  if (session.Prepare(kHasMeta).Step()) {
    Statement& row = session.Prepare(kSchemaVersion);
    if (row.Step()) version = std::stoll(std::string(row.Text(0)));
  }
  if (version > Scripts().newest()) {
    throw std::runtime_error("the store was written by a newer Parley (schema " +
                             std::to_string(version) + ", this version supports up to " +
                             std::to_string(Scripts().newest()) + ")");
  }
  return version;
}

}  // namespace

void MigrateSqlite(SqlSession& session, const Clock& clock) {
  session.BeginRead();
  const int64_t version = VersionOf(session);
  session.Rollback();
  if (version == Scripts().newest()) return;
  session.Begin();
  for (const Migration& next : Scripts().After(version)) session.Execute(std::string(next.sql));
  session.Prepare(kSetMeta)
      .Bind(1, "schema_version")
      .Bind(2, std::to_string(Scripts().newest()))
      .Run();
  if (version < kFileKeySince)
    session.Prepare(kSetMeta).Bind(1, "file_key").Bind(2, RandomHex(32)).Run();
  if (version < kClientIdKeySince) {
    session.Prepare(kSetMeta).Bind(1, "client_id_key").Bind(2, RandomHex(16)).Run();
    ClientIds::AddAllStored(session);
  }
  if (version == 0) {
    const std::string id = UuidGenerator(clock).Next().ToString();
    session.Prepare(kSetMeta).Bind(1, "store_id").Bind(2, id).Run();
  }
  session.Commit();
}

std::shared_ptr<void> LockForRestore(const std::filesystem::path& directory) {
  return std::make_shared<DirectoryLock>(directory, DirectoryLock::Use::kRestore);
}

SchemaState SqliteSchema(const SqliteOptions& options) {
  const std::filesystem::path file = options.directory / kSqliteFile;
  if (!std::filesystem::exists(file)) return {.version = 0, .wanted = Scripts().newest()};
  SqliteSession session(file, SqliteSession::Mode::kReader, true);
  return {.version = VersionOf(session), .wanted = Scripts().newest()};
}

SqliteFile OpenSqliteFile(const SqliteOptions& options, const Clock& clock) {
  const std::filesystem::path file = options.directory / kSqliteFile;
  if (!std::filesystem::exists(file)) {
    throw std::runtime_error("there is no store in the data directory " +
                             options.directory.string());
  }
  SqliteFile opened{.lock = std::make_shared<DirectoryLock>(options.directory)};
  auto session = std::make_unique<SqliteSession>(file, SqliteSession::Mode::kWriter, options.fsync);
  MigrateSqlite(*session, clock);
  opened.session = std::move(session);
  return opened;
}

std::unique_ptr<Store> OpenSqliteStore(const SqliteOptions& options, const Clock& clock) {
  auto lock = std::make_shared<DirectoryLock>(options.directory);
  const std::filesystem::path file = options.directory / kSqliteFile;
  ::umask(::umask(0) | 0077);
  const auto last_change = std::make_shared<std::atomic<int64_t>>(0);
  auto writer = std::make_unique<SqliteSession>(file, SqliteSession::Mode::kWriter, options.fsync,
                                                last_change);
  MigrateSqlite(*writer, clock);
  Statement& last = writer->Prepare(queries::kLastTime);
  if (last.Step()) *last_change = last.Int(0);
  last.Run();
  Statement& row = writer->Prepare(kIdentity);
  const auto identity = row.Step() ? Uuid::Parse(row.Text(0)) : std::nullopt;
  row.Run();
  if (!identity) throw std::runtime_error("the store " + file.string() + " has no identity");
  Statement& key = writer->Prepare(kFileKey);
  const std::string file_key(key.Step() ? key.Text(0) : "");
  key.Run();
  if (file_key.empty()) throw std::runtime_error("the store " + file.string() + " has no file_key");
  const auto open_reader = [file, last_change] {
    return std::make_unique<SqliteSession>(file, SqliteSession::Mode::kReader, true, last_change);
  };
  const auto wal = std::make_shared<WalFigures>();
  writer->CheckpointBeside(file, options.fsync, wal);
  WriterSessions writers;
  writers.conversations.push_back(std::move(writer));
  return std::make_unique<SqlStore>(std::move(writers), open_reader, *identity,
                                    SqlStoreOptions{.reader_threads = options.reader_threads,
                                                    .queue_writes = options.queue_writes,
                                                    .file_key = file_key,
                                                    .single_writer = true,
                                                    .wal = wal},
                                    clock, lock);
}

}  // namespace parley
