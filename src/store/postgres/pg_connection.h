// One libpq connection where every call has a deadline. One thread at a time, which may block so
// long.
#pragma once
#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/sql_session.h"

namespace parley {

struct FreePgResult {
  void operator()(PGresult* result) const { ::PQclear(result); }
};
struct FreePgConnection {
  void operator()(PGconn* connection) const { ::PQfinish(connection); }
};
using PgResult = std::unique_ptr<PGresult, FreePgResult>;

struct PgTimes {
  std::chrono::milliseconds connect{3'000};
  std::chrono::milliseconds statement{5'000};  // the server's; the client waits a second longer
  std::chrono::milliseconds lock{100};
};

// One parameter as it travels: binary, or absent for NULL.
struct PgValue {
  bool null = true;
  std::string bytes;
};

class PgConnection {
 public:
  // Connects. Throws StoreFailure, without the URL's password.
  PgConnection(const std::string& url, const PgTimes& times);

  // Each throws StoreFailure where the server refuses or does not answer in time; after the latter
  // broken() is true and the connection is of no more use.

  // A script, or several statements; the last one's result.
  PgResult Execute(const std::string& script);
  // Types of parameters, then of columns, as the server has found them.
  struct Described {
    std::vector<Oid> parameters, columns;
  };
  Described Prepare(const std::string& name, const std::string& sql);
  PgResult Run(const std::string& name, std::span<const PgValue> values);
  // Several at once (libpq's pipeline mode); the first one that is refused is thrown when all that
  // came back is read, and those behind it have not run.
  struct Call {
    const std::string* name;
    std::span<const PgValue> values;
  };
  std::vector<PgResult> RunAll(std::span<const Call> calls);

  // COPY … FROM STDIN: rows in its text format, in lots.
  void StartCopy(const std::string& command);
  void SendCopy(std::string_view lot);
  void EndCopy();

  // True: the server has ended the connection meanwhile; noticed without a round trip.
  bool HasEnded();
  bool broken() const { return lost_ || ::PQstatus(connection_.get()) != CONNECTION_OK; }
  bool InTransaction() const { return ::PQtransactionStatus(connection_.get()) != PQTRANS_IDLE; }
  // Of the server's history: another one follows a fail-over, which may have lost transactions. Empty
  // for a standby.
  const std::string& timeline() const { return timeline_; }
  // Of the cluster, its timeline and the database, as they were when it connected; never 0.
  uint64_t epoch() const { return epoch_; }
  int server_version() const { return ::PQserverVersion(connection_.get()); }  // 150004 for 15.4
  std::string Setting(const char* name) const;  // one that the server reports by itself

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  void Connect(const std::string& url);
  void Wait(bool to_write, Deadline deadline);
  void Send(const std::string& name, std::span<const PgValue> values);
  void FlushAll(Deadline deadline);
  PgResult NextResult(Deadline deadline);
  // The results of what was sent, up to the last; the first error is thrown when all are read.
  PgResult Collect();
  [[noreturn]] void GiveUp(const std::string& what);
  std::string LastError() const;

  const PgTimes times_;
  std::unique_ptr<PGconn, FreePgConnection> connection_;
  std::string timeline_;
  uint64_t epoch_ = 0;
  bool lost_ = false;  // given up by us
};

}  // namespace parley
