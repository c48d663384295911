// SqlSession on PostgreSQL. It connects on first use, and reconnects after a lost connection.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/postgres/pg_connection.h"

namespace parley {

// Planner settings. Every query of the store finds its rows by an index (the contract tests check the
// plans), but the planner takes a list of 512 ids for a large part of a table: it would scan the table, in
// parallel, and use hash joins.
inline constexpr const char* kPlanByIndexes =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET max_parallel_workers_per_gather = 0; SET jit = off";

class PgSession final : public SqlSession {
 public:
  enum class Mode {
    kWriter,  // a commit lane: AskOutcome works
    kReader,
    kMigrator,  // writes before the lanes exist
  };
  using Connect = std::function<std::unique_ptr<PgConnection>()>;
  struct Database {
    std::string user_type = "text";  // text, bigint, integer or uuid
    bool taken_over = false;
  };

  // `connect` throws StoreFailure if it fails.
  PgSession(Connect connect, Mode mode, Database database);
  ~PgSession() override;

  Statement& Prepare(const Query& query) override;
  std::unique_ptr<SqlPipeline> NewPipeline() override;
  std::string_view UserType() const override { return database_.user_type; }
  bool FitsUserType(std::string_view id) const override;
  bool IsTakenOver() const override { return database_.taken_over; }
  void Execute(const std::string& script) override;
  // Do not send anything: BEGIN is sent with the first statements.
  void Begin() override;
  void BeginRead() override;
  int64_t Position(Timestamp now) override;
  uint64_t Epoch() const override { return connection_ == nullptr ? 0 : connection_->epoch(); }
  std::optional<StorePosition> Snapshot() override;
  bool ReadsAhead() const override { return true; }
  // Also runs the statements of RunAtCommit. Throws kOutcomeUnknown at once if the response is lost; AskOutcome then
  // finds the outcome. After reads it does not wait for the response.
  void Commit() override;
  // Reads the lane's row on a new connection; waits for the transaction, which may still hold the row.
  Outcome AskOutcome() override;
  void Rollback() noexcept override;
  void ForgetOldLanes() override;

 private:
  struct Plan;  // of a query, on this connection
  class Prepared;
  class Pipeline;
  // A transaction whose COMMIT got no response.
  struct InDoubt {
    std::string lane;
    uint64_t epoch = 0;
    int64_t batch = 0;
    bool first = false;  // the lane had not committed before
  };
  const Plan& PlanOf(const Query& query);
  PgConnection& connection();
  // Runs the statements in one round trip. The statements that open the transaction and those of
  // RunAtCommit go first, if they are not sent yet.
  void RunAll(std::span<Prepared* const> statements);
  bool HasUnsent() const;
  void EndRead();
  void AwaitEndOfRead();
  void Open();  // sends them

  const Connect connect_;
  const Mode mode_;
  const Database database_;
  std::unique_ptr<PgConnection> connection_;
  std::unordered_map<const char*, std::unique_ptr<Plan>> plans_;         // by the query's text
  std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;  // by the query's text
  Uuid lane_;          // random, a new one for each connection
  int64_t batch_ = 0;  // of the current transaction; increases
  bool lane_has_committed_ = false;
  bool to_open_ = false;                              // Begin was called, and nothing is sent yet
  bool to_read_ = false;                              // the same for BeginRead
  bool ending_ = false;                               // COMMIT of reads was sent
  std::vector<std::unique_ptr<Prepared>> at_commit_;  // of RunAtCommit
  int64_t position_ = 0;                              // the id of the current transaction
  std::chrono::steady_clock::time_point forget_lanes_at_{};
  std::optional<InDoubt> in_doubt_;
  std::chrono::steady_clock::time_point next_attempt_{};
  std::chrono::milliseconds backoff_{0};
};

}  // namespace parley
