// SqlSession on PostgreSQL. It connects when it is used, and again after a connection was lost.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "store/postgres/pg_connection.h"

namespace parley {

// Settings of a session that serves. Every query of the store finds its rows by an index (the contract
// tests read the plans), but to the planner a list of 512 ids looks like a good part of any table: it
// would read the whole table, in parallel, and join by hashing.
inline constexpr const char* kPlanByIndexes =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET max_parallel_workers_per_gather = 0; SET jit = off";

class PgSession final : public SqlSession {
 public:
  enum class Mode {
    kWriter,  // a commit lane: the outcome of its transactions can be asked for
    kReader,
    kMigrator,  // writes before there are lanes
  };
  using Connect = std::function<std::unique_ptr<PgConnection>()>;

  // `connect`: throws StoreFailure where it cannot.
  PgSession(Connect connect, Mode mode);
  ~PgSession() override;

  Statement& Prepare(const Query& query) override;
  std::unique_ptr<SqlPipeline> NewPipeline() override;
  void Execute(const std::string& script) override;
  // Sent with the first statements.
  void Begin() override;
  int64_t Position(Timestamp now) override;
  uint64_t Epoch() const override { return connection_ == nullptr ? 0 : connection_->epoch(); }
  std::optional<StorePosition> Snapshot() override;
  bool ReadsAhead() const override { return true; }
  void BeginRead() override;
  // If the answer is lost, throws kOutcomeUnknown at once: AskOutcome says more.
  void Commit() override;
  // On another connection, by the row of the lane: it waits for the transaction that may still hold it.
  Outcome AskOutcome() override;
  void Rollback() noexcept override;
  void ForgetOldLanes() override;

 private:
  struct Plan;  // of a query, as this connection's server has it
  class Prepared;
  class Pipeline;
  // A transaction whose COMMIT was not answered.
  struct InDoubt {
    std::string lane;
    uint64_t epoch = 0;
    int64_t batch = 0;
    bool first = false;  // the lane had committed nothing before
  };
  const Plan& PlanOf(const Query& query);
  PgConnection& connection();
  PgResult BeginWith(const char* script);
  // Runs the statements in one round trip, behind what opens the transaction if that is still to be
  // done.
  void RunAll(std::span<Prepared* const> statements);
  void Open();

  const Connect connect_;
  const Mode mode_;
  std::unique_ptr<PgConnection> connection_;
  std::unordered_map<const char*, std::unique_ptr<Plan>> plans_;         // by the query's text
  std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;  // by the query's text
  Uuid lane_;          // random, another one for each connection
  int64_t batch_ = 0;  // of the transaction under way; grows
  bool lane_has_committed_ = false;
  bool to_open_ = false;  // Begin was called and nothing sent yet
  int64_t position_ = 0;  // the transaction's id
  std::chrono::steady_clock::time_point forget_lanes_at_{};
  std::optional<InDoubt> in_doubt_;
  std::chrono::steady_clock::time_point next_attempt_{};
  std::chrono::milliseconds backoff_{0};
};

}  // namespace parley
