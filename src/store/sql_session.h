// The driver interface: one connection to a SQL database. SqlStore uses nothing below it. One thread at a
// time.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "domain/log_page.h"

namespace parley {

// A query is a named constant; its name labels metrics and errors.
struct Query {
  const char* name;
  const char* sql;
};

// The database failed (disk, lock, corruption) or refused a value.
class StoreFailure : public std::runtime_error {
 public:
  enum class Kind {
    kFailed,          // nothing was stored
    kConflict,        // nothing was stored: a conflict with another writer; a retry may succeed
    kLocked,          // nothing was stored: another writer held a lock until the timeout
    kRefused,         // nothing was stored: a value does not fit; a retry will fail too
    kUnknownUser,     // nothing was stored: a user id is not in the user table of the database
    kUnreachable,     // nothing was stored: there is no connection
    kOutcomeUnknown,  // the outcome of a commit is unknown
  };
  StoreFailure(const std::string& what, Kind kind = Kind::kFailed)
      : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// A connection that fails sooner after the begin of a transaction was closed before it; the transaction is tried again.
inline constexpr std::chrono::milliseconds kQuickFailure{1000};

// One execution of a query: bind parameters (from 1), Step to each row, read columns (from 0). If a parameter is an
// array (PostgreSQL), each Bind adds an element to it.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Statement& Bind(int at, int64_t value) = 0;
  virtual Statement& Bind(int at,
                          std::string_view text) = 0;  // `text` must live until the last Step
  virtual Statement& Bind(int at, const Uuid& id) = 0;
  virtual Statement& BindBlob(int at, std::span<const uint8_t> bytes) = 0;
  virtual Statement& BindNull(int at) = 0;
  // Returns true if there is a row.
  virtual bool Step() = 0;
  virtual bool IsNull(int at) const = 0;
  virtual int64_t Int(int at) const = 0;
  virtual std::string_view Text(int at) const = 0;  // valid until the next Step
  virtual Uuid Id(int at) const = 0;
  virtual std::string_view Blob(int at) const = 0;

  template <class T>
  Statement& Bind(int at, const std::optional<T>& value) {
    return value ? Bind(at, *value) : BindNull(at);
  }
  Statement& Bind(int at, const std::optional<std::string>& value) {
    return value ? Bind(at, std::string_view(*value)) : BindNull(at);
  }
  Statement& Bind(int at, const std::string& value) { return Bind(at, std::string_view(value)); }
  Statement& Bind(int at, const char* value) { return Bind(at, std::string_view(value)); }
  Statement& Bind(int at, int value) { return Bind(at, int64_t{value}); }
  // Steps to the end.
  void Run() {
    while (Step()) {
    }
  }
};

// Statements that are sent together, in as few round trips as the engine allows. They run in order, each
// in its own snapshot. Their rows are read after Run.
class SqlPipeline {
 public:
  virtual ~SqlPipeline() = default;
  // The caller binds the statement, which is valid as long as the pipeline.
  virtual Statement& Add(const Query& query) = 0;
  virtual void Run() = 0;
  // For the last statements of a transaction, whose rows are not read: they may run with its COMMIT, which then
  // throws their errors.
  virtual void RunAtCommit() = 0;
};

// Replaces "{user}" in a query.
inline std::string WithUserType(std::string_view sql, std::string_view type) {
  constexpr std::string_view kName = "{user}";
  std::string out(sql);
  for (size_t at = 0; (at = out.find(kName, at)) != std::string::npos; at += type.size()) {
    out.replace(at, kName.size(), type);
  }
  return out;
}

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // nullptr: statements need no round trip on this engine.
  virtual std::unique_ptr<SqlPipeline> NewPipeline() { return nullptr; }
  // The type of the columns with user ids; queries name it "{user}". Only a database that Parley took over
  // can have another type than text.
  virtual std::string_view UserType() const { return "text"; }
  // False if the id does not fit that type: no row can have it.
  virtual bool FitsUserType(std::string_view /*id*/) const { return true; }
  // Parley took the database over from another system, which also writes to it. The database then checks at
  // commit that users exist, and has parley_inbox and parley_tombstone.
  virtual bool IsTakenOver() const { return false; }
  // Prepared once per session and query; valid until the next Prepare of the same query.
  virtual Statement& Prepare(const Query& query) = 0;
  virtual void Execute(const std::string& script) = 0;
  virtual void Begin() = 0;      // to write
  virtual void BeginRead() = 0;  // one snapshot for all queries until Commit or Rollback
  // The position of the current transaction among all writing transactions, for the column `changed`: rows
  // that a reader does not see yet get a position at or above the horizon that it reads. `now` must differ
  // in each call.
  virtual int64_t Position(Timestamp now) { return now.micros; }
  // The horizon of `changed` (queries::kChangeHorizon), if the engine knows it without a statement. Must be
  // called before the first statement of a snapshot.
  virtual std::optional<int64_t> ChangeHorizon() const { return std::nullopt; }
  // Identifies the history of the database that the current transaction belongs to. It changes with a
  // fail-over, a restore or a move, after which committed transactions may be lost. Values have no order.
  // 0: the history cannot change while the process runs.
  virtual uint64_t Epoch() const { return 0; }
  // The snapshot of the current transaction, on engines where transactions commit out of order. nullopt:
  // they commit in order, and the highest transaction of a log is the position.
  virtual std::optional<StorePosition> Snapshot() { return std::nullopt; }
  // Returns true if all rows of a statement are received before its first Step returns.
  virtual bool ReadsAhead() const { return false; }
  // Returns when the transaction is on disk.
  virtual void Commit() = 0;
  // The outcome of the last transaction whose Commit threw kOutcomeUnknown. Queries the database once.
  enum class Outcome {
    kCommitted,
    kRolledBack,
    kInProgress,  // or the database is unreachable: ask again, and write nothing until it has ended
    kUnknown,     // the outcome cannot be determined
  };
  virtual Outcome AskOutcome() { return Outcome::kUnknown; }
  virtual void Rollback() noexcept = 0;
  // Removes the rows of lanes that have ended, from time to time. Call it inside a transaction.
  virtual void ForgetOldLanes() {}

  // Sets the counters of statements and round trips. They must outlive the session.
  void CountOn(Counter& statements, Counter& round_trips) {
    statements_ = &statements;
    round_trips_ = &round_trips;
  }

 protected:
  void CountStatement() {
    if (statements_ != nullptr) statements_->Add();
  }
  void CountRoundTrip() {
    if (round_trips_ != nullptr) round_trips_->Add();
  }

 private:
  Counter* statements_ = nullptr;
  Counter* round_trips_ = nullptr;
};

}  // namespace parley
