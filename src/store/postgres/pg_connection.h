// One libpq connection. Every call has a deadline and may block until then. One thread at a time.
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
  std::chrono::milliseconds statement{5'000};  // on the server; the client waits a second longer
  std::chrono::milliseconds lock{100};
};

// One parameter in its wire form: binary, or absent for NULL.
struct PgValue {
  bool null = true;
  std::string bytes;
};

class PgConnection {
 public:
  // Connects. Throws StoreFailure, which does not contain the URL's password.
  PgConnection(const std::string& url, const PgTimes& times);

  // The following calls throw StoreFailure if the server refuses or does not respond in time. After a
  // timeout, broken() is true and the connection cannot be used any longer.

  // Runs a script of one or more statements; returns the result of the last one.
  PgResult Execute(const std::string& script);
  // The same in two steps: what is sent runs while the caller does other work. Nothing else is called in between, except
  // HasEnded.
  void SendScript(const std::string& script);
  // Reads the results of all sent statements and returns the last one; then throws the first error.
  PgResult Collect();
  // The types that the server determined.
  struct Described {
    std::vector<Oid> parameters, columns;
  };
  Described Prepare(const std::string& name, const std::string& sql);
  PgResult Run(const std::string& name, std::span<const PgValue> values);
  // Runs several statements in libpq's pipeline mode. If one is refused, the later ones do not run, and
  // its error is thrown after all results are read.
  struct Call {
    const std::string* name;
    std::span<const PgValue> values;
  };
  std::vector<PgResult> RunAll(std::span<const Call> calls);

  // COPY … FROM STDIN: sends rows in its text format, in batches.
  void StartCopy(const std::string& command);
  void SendCopy(std::string_view lot);
  void EndCopy();

  // Returns true if the server has closed the connection. Needs no round trip.
  bool HasEnded();
  bool broken() const { return lost_ || ::PQstatus(connection_.get()) != CONNECTION_OK; }
  bool InTransaction() const { return ::PQtransactionStatus(connection_.get()) != PQTRANS_IDLE; }
  // The server's timeline. It changes with a fail-over, which may have lost transactions. Empty for a
  // standby.
  const std::string& timeline() const { return timeline_; }
  // Identifies the cluster, its timeline and the database at connect time; never 0.
  uint64_t epoch() const { return epoch_; }
  int server_version() const { return ::PQserverVersion(connection_.get()); }  // 150004 for 15.4
  std::string Setting(const char* name) const;  // a setting that the server reports on connect

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  void Connect(const std::string& url);
  void Wait(bool to_write, Deadline deadline);
  void Send(const std::string& name, std::span<const PgValue> values);
  void FlushAll(Deadline deadline);
  PgResult NextResult(Deadline deadline);
  [[noreturn]] void GiveUp(const std::string& what);
  std::string LastError() const;

  const PgTimes times_;
  std::unique_ptr<PGconn, FreePgConnection> connection_;
  std::string timeline_;
  uint64_t epoch_ = 0;
  bool lost_ = false;  // abandoned after a timeout
};

}  // namespace parley
