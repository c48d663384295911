// SqlSession on SQLite.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <unordered_map>

#include "store/sql_session.h"
#include "store/sqlite/wal_checkpoints.h"

struct sqlite3;

namespace parley {

// How long a connection waits for a lock: readers for a checkpoint; there is only one writer.
inline constexpr int kSqliteBusyMillis = 5000;

class SqliteSession final : public SqlSession {
 public:
  enum class Mode { kWriter, kReader };
  // The highest committed `changed`. The writer of the file sets it and the readers use it, so that no
  // reader has to search all conversations.
  using LastChange = std::shared_ptr<std::atomic<int64_t>>;
  // `last_change` may be null. Throws StoreFailure.
  SqliteSession(const std::filesystem::path& file, Mode mode, bool fsync,
                LastChange last_change = nullptr);
  ~SqliteSession() override;
  // Copies the log in the background from now on. For the writer of a store that stays open.
  void CheckpointBeside(const std::filesystem::path& file, bool fsync,
                        std::shared_ptr<WalFigures> figures, WalLimits limits = {});

  Statement& Prepare(const Query& query) override;
  void Execute(const std::string& script) override;
  void Begin() override;
  void BeginRead() override;
  int64_t Position(Timestamp now) override;
  std::optional<int64_t> ChangeHorizon() const override;
  void Commit() override;
  void Rollback() noexcept override;

 private:
  void SetUp(Mode mode, bool fsync);
  class Prepared;
  sqlite3* db_ = nullptr;
  std::unique_ptr<WalCheckpoints> checkpoints_;  // may be null
  const LastChange last_change_;
  int64_t newest_position_ = 0;  // of the current transaction
  std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;  // by address of the SQL
};

}  // namespace parley
