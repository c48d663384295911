// SqlSession on PostgreSQL. It connects when it is used, and again after a connection was lost.
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "store/postgres/pg_connection.h"

namespace parley {

class PgSession final : public SqlSession {
 public:
  enum class Mode { kWriter, kReader };
  using Connect = std::function<std::unique_ptr<PgConnection>()>;

  // `connect`: throws StoreFailure where it cannot.
  PgSession(Connect connect, Mode mode);
  ~PgSession() override;

  Statement& Prepare(const Query& query) override;
  std::unique_ptr<SqlPipeline> NewPipeline() override;
  void Execute(const std::string& script) override;
  void Begin() override;
  int64_t Position(Timestamp /*now*/) override { return std::stoll(transaction_); }
  uint64_t Epoch() const override { return connection_ == nullptr ? 0 : connection_->epoch(); }
  std::optional<StorePosition> Snapshot() override;
  void BeginRead() override;
  // Where the answer is lost, another connection asks what became of the transaction, for some
  // seconds. Throws StoreFailure; outcome_unknown where nobody could say.
  void Commit() override;
  void Rollback() noexcept override;

 private:
  struct Plan;  // of a query, as this connection's server has it
  class Prepared;
  class Pipeline;
  const Plan& PlanOf(const Query& query);
  PgConnection& connection();
  PgResult BeginWith(const char* script);
  void Settle(const std::string& lost);

  const Connect connect_;
  const Mode mode_;
  std::unique_ptr<PgConnection> connection_;
  std::unordered_map<const char*, std::unique_ptr<Plan>> plans_;         // by the query's text
  std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;  // likewise
  std::string transaction_;  // the id of the one under way; empty where it only reads
  std::string timeline_;     // where that id counts
  std::chrono::steady_clock::time_point next_attempt_{};
  std::chrono::milliseconds backoff_{0};
};

}  // namespace parley
