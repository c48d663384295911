#include "store/sqlite/sqlite_session.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "store/sqlite/combining_vfs.h"

namespace parley {
namespace {

// Prepared once: parsing them for each transaction takes longer than running them.
constexpr Query kBegin{"begin", "BEGIN IMMEDIATE"};
constexpr Query kBeginRead{"begin_read", "BEGIN"};
constexpr Query kCommit{"commit", "COMMIT"};

// Whether a crash may recover a transaction whose COMMIT failed so. A write that fails leaves an incomplete transaction
// in the log. Other errors may come after the last write: from fsync, or from the shared index on a full disk.
bool MayBeStored(int error) {
  if ((error & 0xff) == SQLITE_NOMEM) return true;
  return (error & 0xff) == SQLITE_IOERR && error != SQLITE_IOERR_WRITE;
}

[[noreturn]] void Throw(sqlite3* db, const char* what) {
  throw StoreFailure(std::string(what) + ": " + sqlite3_errmsg(db));
}

std::string_view TextOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_value_bytes(value))};
}

// parley_text(t): returns t as valid UTF-8 without U+0000, which every store can hold; invalid bytes become
// U+FFFD. Null stays null.
void RepairedText(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const std::string_view text = TextOf(arguments[0]);
  if (IsUtf8(text) && text.find('\0') == std::string_view::npos) {
    return sqlite3_result_value(context, arguments[0]);
  }
  std::string repaired = RepairUtf8(text);
  for (size_t at = 0; (at = repaired.find('\0', at)) != std::string::npos;) {
    repaired.replace(at, 1, "\xEF\xBF\xBD");
  }
  sqlite3_result_text(context, repaired.data(), static_cast<int>(repaired.size()),
                      SQLITE_TRANSIENT);
}

// parley_user(id): returns a user id in the form of a UUID in lower case, and any other id unchanged.
void FoldedUser(sqlite3_context* context, int, sqlite3_value** arguments) {
  const std::string_view text = TextOf(arguments[0]);
  const auto uuid = text.size() == 36 ? Uuid::Parse(text) : std::nullopt;
  if (!uuid) return sqlite3_result_value(context, arguments[0]);
  const std::string folded = uuid->ToString();
  sqlite3_result_text(context, folded.data(), static_cast<int>(folded.size()), SQLITE_TRANSIENT);
}

// Counting the memory in use would take a mutex at each allocation. Must come before the first connection.
void ConfigureSqlite() {
  [[maybe_unused]] static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

}  // namespace

class SqliteSession::Prepared final : public Statement {
 public:
  Prepared(sqlite3* db, const char* name, const std::string& sql) : db_(db), name_(name) {
    if (sqlite3_prepare_v3(db, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) !=
        SQLITE_OK) {
      Throw(db, name_);
    }
  }
  ~Prepared() override { sqlite3_finalize(statement_); }

  void Reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  using Statement::Bind;
  Statement& Bind(int at, int64_t value) override {
    return Check(sqlite3_bind_int64(statement_, at, value));
  }
  Statement& Bind(int at, std::string_view text) override {
    return Check(sqlite3_bind_text(statement_, at, text.data() == nullptr ? "" : text.data(),
                                   static_cast<int>(text.size()), SQLITE_STATIC));
  }
  Statement& Bind(int at, const Uuid& id) override { return BindBlob(at, id.bytes); }
  Statement& BindBlob(int at, std::span<const uint8_t> bytes) override {
    return Check(sqlite3_bind_blob(statement_, at, bytes.data(), static_cast<int>(bytes.size()),
                                   SQLITE_TRANSIENT));
  }
  Statement& BindNull(int at) override { return Check(sqlite3_bind_null(statement_, at)); }

  bool Step() override {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) {
      const std::string message = sqlite3_errmsg(db_);
      sqlite3_reset(statement_);
      throw StoreFailure(std::string(name_) + ": " + message);
    }
    sqlite3_reset(statement_);
    return false;
  }
  // Runs a statement without rows and returns its result code.
  int Finish() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_DONE) sqlite3_reset(statement_);
    return result;
  }
  bool IsNull(int at) const override { return sqlite3_column_type(statement_, at) == SQLITE_NULL; }
  int64_t Int(int at) const override { return sqlite3_column_int64(statement_, at); }
  std::string_view Text(int at) const override {
    // Text is stored as UTF-8. sqlite3_column_text would copy it to end it with a null byte.
    const auto* text = static_cast<const char*>(sqlite3_column_blob(statement_, at));
    return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, at))};
  }
  std::string_view Blob(int at) const override {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, at));
    return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, at))};
  }
  Uuid Id(int at) const override {
    const std::string_view bytes = Blob(at);
    Uuid id;
    if (bytes.size() == 16) std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
  }

 private:
  Statement& Check(int result) {
    if (result != SQLITE_OK) Throw(db_, name_);
    return *this;
  }
  sqlite3* db_;
  const char* name_;
  sqlite3_stmt* statement_ = nullptr;
};

SqliteSession::SqliteSession(const std::filesystem::path& file, Mode mode, bool fsync,
                             LastChange last_change)
    : last_change_(std::move(last_change)) {
  ConfigureSqlite();
  const int flags =
      (mode == Mode::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE) |
      SQLITE_OPEN_NOMUTEX;
  const bool combining = mode == Mode::kWriter && fsync;
  if (sqlite3_open_v2(file.c_str(), &db_, flags, combining ? CombiningVfs() : nullptr) !=
      SQLITE_OK) {
    const std::string message = sqlite3_errmsg(db_);
    sqlite3_close(db_);
    throw StoreFailure("cannot open " + file.string() + ": " + message);
  }
  try {
    SetUp(mode, fsync);
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

void SqliteSession::SetUp(Mode mode, bool fsync) {
  sqlite3_busy_timeout(db_, kSqliteBusyMillis);
  Execute("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;");
  if (mode == Mode::kReader) {
    Execute("PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA mmap_size = 268435456;");
    return;
  }
  // For migrations.
  constexpr int kPure = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  sqlite3_create_function(db_, "parley_text", 1, kPure, nullptr, RepairedText, nullptr, nullptr);
  sqlite3_create_function(db_, "parley_user", 1, kPure, nullptr, FoldedUser, nullptr, nullptr);
  // Without a mapping: before SQLite reads a page from it, it searches the log, although the writer's cache, which
  // no other writer invalidates, has the page.
  Execute(
      "PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000;"
      // The log grows while a backup reads, and shrinks after it. (WalCheckpoints replaces the checkpoint.)
      "PRAGMA journal_size_limit = 67108864;");
  Execute(fsync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
}

void SqliteSession::CheckpointBeside(const std::filesystem::path& file, bool fsync,
                                     std::shared_ptr<WalFigures> figures, WalLimits limits) {
  checkpoints_ = std::make_unique<WalCheckpoints>(db_, file, fsync, std::move(figures), limits);
}

SqliteSession::~SqliteSession() {
  checkpoints_.reset();
  prepared_.clear();
  sqlite3_close(db_);
}

Statement& SqliteSession::Prepare(const Query& query) {
  CountStatement();
  std::unique_ptr<Prepared>& prepared = prepared_[query.sql];
  if (prepared == nullptr) {
    prepared = std::make_unique<Prepared>(db_, query.name, WithUserType(query.sql, UserType()));
  } else {
    prepared->Reset();
  }
  return *prepared;
}

void SqliteSession::Execute(const std::string& script) {
  CountStatement();
  if (sqlite3_exec(db_, script.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    Throw(db_, "script");
  }
}

void SqliteSession::Begin() {
  newest_position_ = 0;
  if (checkpoints_ != nullptr) checkpoints_->BeforeTransaction();
  Prepare(kBegin).Run();
}

int64_t SqliteSession::Position(Timestamp now) {
  newest_position_ = std::max(newest_position_, now.micros);
  return now.micros;
}

std::optional<int64_t> SqliteSession::ChangeHorizon() const {
  if (last_change_ == nullptr) return std::nullopt;
  return last_change_->load() + 1;
}

void SqliteSession::BeginRead() { Prepare(kBeginRead).Run(); }

void SqliteSession::Commit() {
  if (static_cast<Prepared&>(Prepare(kCommit)).Finish() == SQLITE_DONE) {
    if (last_change_ != nullptr && newest_position_ > *last_change_)
      *last_change_ = newest_position_;
    return;
  }
  const bool unknown = MayBeStored(sqlite3_extended_errcode(db_));
  throw StoreFailure(std::string("commit: ") + sqlite3_errmsg(db_),
                     unknown ? StoreFailure::Kind::kOutcomeUnknown : StoreFailure::Kind::kFailed);
}

void SqliteSession::Rollback() noexcept {
  for (auto& [sql, prepared] : prepared_) prepared->Reset();
  if (sqlite3_get_autocommit(db_) == 0) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

}  // namespace parley
