// The driver's border: one connection to a SQL database. SqlStore speaks to it and to nothing
// below. One thread at a time.
#pragma once
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

// A query is a constant beside its use; its name labels metrics and errors.
struct Query {
  const char* name;
  const char* sql;
};

// The storage failed (disk, lock, corruption), or refused what it was given.
class StoreFailure : public std::runtime_error {
 public:
  enum class Kind {
    kFailed,          // nothing was stored
    kConflict,        // likewise; another writer was in the way, and the same may succeed now
    kLocked,          // likewise; it was in the way for as long as we wait
    kRefused,         // nothing was stored; a value does not fit, so the same will never succeed
    kUnreachable,     // nothing was stored; there is no connection, so nothing else will succeed
    kOutcomeUnknown,  // of a commit
  };
  StoreFailure(const std::string& what, Kind kind = Kind::kFailed)
      : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// One execution of a query. Bind by position from 1, then Step row by row; read from 0.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual Statement& Bind(int at, int64_t value) = 0;
  virtual Statement& Bind(int at, std::string_view text) = 0;  // must live until the last Step
  virtual Statement& Bind(int at, const Uuid& id) = 0;
  virtual Statement& BindBlob(int at, std::span<const uint8_t> bytes) = 0;
  virtual Statement& BindNull(int at) = 0;
  // True: a row is there.
  virtual bool Step() = 0;
  virtual bool IsNull(int at) const = 0;
  virtual int64_t Int(int at) const = 0;
  virtual std::string_view Text(int at) const = 0;  // until the next Step
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
  // Runs to the end.
  void Run() {
    while (Step()) {
    }
  }
};

// Statements that travel together, in as few round trips as the engine has; they run in their order,
// each in a snapshot of its own. Their rows are read after Run.
class SqlPipeline {
 public:
  virtual ~SqlPipeline() = default;
  // To be bound; good as long as the pipeline.
  virtual Statement& Add(const Query& query) = 0;
  virtual void Run() = 0;
};

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // nullptr: statements cost no round trip here.
  virtual std::unique_ptr<SqlPipeline> NewPipeline() { return nullptr; }
  // Prepared once for each session and query; good until the query is asked for again.
  virtual Statement& Prepare(const Query& query) = 0;
  virtual void Execute(const std::string& script) = 0;
  virtual void Begin() = 0;      // to write
  virtual void BeginRead() = 0;  // one snapshot for several queries; ends with Commit or Rollback
  // Of the transaction under way, among all that write to the store, for the column `changed`: what a
  // reader does not see yet gets at least the horizon that it reads. `now` is another each time.
  virtual int64_t Position(Timestamp now) { return now.micros; }
  // The horizon of `changed` (queries::kChangeHorizon), if the engine knows it without a statement. To be
  // asked before the first statement of a snapshot.
  virtual std::optional<int64_t> ChangeHorizon() const { return std::nullopt; }
  // Identifies the history of the database that the transaction under way belongs to. Another value
  // follows a fail-over, a restore or a move: transactions that had been committed may be lost. Values
  // have no order. 0: the engine cannot change it while a process runs.
  virtual uint64_t Epoch() const { return 0; }
  // Of the transaction under way, on engines where transactions end in another order than they begin.
  // Not set: they end in their order, and a log's highest transaction says the same.
  virtual std::optional<StorePosition> Snapshot() { return std::nullopt; }
  // Have all rows of a statement travelled before its first Step returns?
  virtual bool ReadsAhead() const { return false; }
  // Returns when it is on disk.
  virtual void Commit() = 0;
  // What became of the last transaction whose Commit threw kOutcomeUnknown, asked once.
  enum class Outcome {
    kCommitted,
    kRolledBack,
    kInProgress,  // or nobody can be asked now: ask again, and write nothing before it has ended
    kUnknown,     // and nobody can ever say
  };
  virtual Outcome AskOutcome() { return Outcome::kUnknown; }
  virtual void Rollback() noexcept = 0;
  // Inside a transaction: removes what lanes that have ended left, from time to time.
  virtual void ForgetOldLanes() {}

  // Where its statements and its round trips are counted from now on; they must live as long.
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
