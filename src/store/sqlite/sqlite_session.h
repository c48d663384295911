// SqlSession on SQLite.
#pragma once
#include <filesystem>
#include <memory>
#include <unordered_map>

#include "store/sql_session.h"

struct sqlite3;

namespace parley {

class SqliteSession final : public SqlSession {
 public:
  enum class Mode { kWriter, kReader };
  // Throws StoreFailure.
  SqliteSession(const std::filesystem::path& file, Mode mode, bool fsync);
  ~SqliteSession() override;

  Statement& Prepare(const Query& query) override;
  void Execute(const std::string& script) override;
  void Begin() override;
  void BeginRead() override;
  void Commit() override;
  void Rollback() noexcept override;

 private:
  void SetUp(Mode mode, bool fsync);
  class Prepared;
  sqlite3* db_ = nullptr;
  std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;  // by address of the SQL
};

}  // namespace parley
