#include "store/postgres/pg_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace parley {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kClientDeadlineMargin =
    std::chrono::seconds(1);  // added to the server's own deadline

// Raises the values that would answer before the flush, and keeps any value that the operator has set higher.
constexpr const char* kFlushBeforeAnswers =
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local'); ";

// Tells the triggers of a taken-over database that the changes of this session are Parley's own.
constexpr const char* kWriter = "SET parley.writer = 'on'; ";

// The timeline, and the ids of its cluster and database.
constexpr const char* kTimeline =
    "SELECT CASE WHEN pg_is_in_recovery() THEN '' "
    "ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, "
    "(SELECT system_identifier FROM pg_control_system())::text || ' ' || "
    "(SELECT oid FROM pg_database WHERE datname = current_database())::text";

// FNV-1a: the same on all nodes. Never returns 0.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash == 0 ? 1 : hash;
}

// Shortens the text to one line, for the log.
std::string OneLine(const char* text) {
  std::string line(text == nullptr ? "" : text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  std::ranges::replace(line, '\n', ' ');
  return line.substr(0, 300);
}

// Returns the kind of failure of a result.
StoreFailure::Kind KindOf(const PGresult* result) {
  const auto field = [&](int which) -> std::string_view {
    const char* text = ::PQresultErrorField(result, which);
    return text == nullptr ? "" : text;
  };
  const std::string_view code = field(PG_DIAG_SQLSTATE);
  // A conflict with another node's transaction: unique_violation, serialization_failure,
  // deadlock_detected.
  constexpr std::string_view kConflicts[] = {"23505", "40001", "40P01"};
  // Data exceptions, integrity constraints, and exceeded limits.
  constexpr std::string_view kRefusals[] = {"22", "23", "54"};
  const auto holds = [](const auto& list, std::string_view one) {
    return std::ranges::find(list, one) != std::end(list);
  };
  // A user id that does not fit its column is NULL; a foreign key of Django has the column in its name.
  const std::string_view key = field(PG_DIAG_CONSTRAINT_NAME), column = field(PG_DIAG_COLUMN_NAME);
  for (const std::string_view user : {"user_id", "sender_id", "uploaded_by"}) {
    if (code == "23503" && key.find(user) != key.npos) return StoreFailure::Kind::kUnknownUser;
    if (code == "23502" && column.starts_with(user)) return StoreFailure::Kind::kUnknownUser;
  }
  if (code == "55P03") return StoreFailure::Kind::kLocked;
  if (holds(kConflicts, code)) return StoreFailure::Kind::kConflict;
  return holds(kRefusals, code.substr(0, 2)) ? StoreFailure::Kind::kRefused
                                             : StoreFailure::Kind::kFailed;
}

}  // namespace

PgConnection::PgConnection(const std::string& url, const PgTimes& times) : times_(times) {
  Connect(url);
  const auto millis = [](auto time) { return std::to_string(time.count()); };
  const PgResult result = Execute("SET client_encoding = 'UTF8'; SET timezone = 'UTC'; " +
                                  std::string(kWriter) + std::string(kFlushBeforeAnswers) +
                                  "SET statement_timeout = " + millis(times.statement) +
                                  "; SET lock_timeout = " + millis(times.lock) +
                                  "; SET idle_in_transaction_session_timeout = 5000; " + kTimeline);
  timeline_ = ::PQgetvalue(result.get(), 0, 0);
  epoch_ = HashOf(timeline_ + ' ' + ::PQgetvalue(result.get(), 0, 1));
}

void PgConnection::Connect(const std::string& url) {
  const Deadline deadline = SteadyClock::now() + times_.connect;
  // The URL is expanded last, so that its settings win.
  const char* const keys[] = {"application_name",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              "dbname",
                              nullptr};
  const char* const values[] = {"parley", "5", "2", "3", "15000", url.c_str(), nullptr};
  connection_.reset(::PQconnectStartParams(keys, values, 1));
  constexpr auto kUnreachable = StoreFailure::Kind::kUnreachable;
  if (connection_ == nullptr) throw StoreFailure("connect: out of memory", kUnreachable);
  auto next = ::PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED
                                                              : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) throw StoreFailure("connect: " + LastError(), kUnreachable);
    Wait(next == PGRES_POLLING_WRITING, deadline);
    next = ::PQconnectPoll(connection_.get());
  }
  if (::PQsetnonblocking(connection_.get(), 1) != 0) throw StoreFailure("connect: " + LastError());
}

PgResult PgConnection::Execute(const std::string& script) {
  SendScript(script);
  return Collect();
}

void PgConnection::SendScript(const std::string& script) {
  if (::PQsendQuery(connection_.get(), script.c_str()) == 0) GiveUp(LastError());
  FlushAll(SteadyClock::now() + times_.statement + kClientDeadlineMargin);
}

PgConnection::Described PgConnection::Prepare(const std::string& name, const std::string& sql) {
  if (::PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr) == 0)
    GiveUp(LastError());
  Collect();
  if (::PQsendDescribePrepared(connection_.get(), name.c_str()) == 0) GiveUp(LastError());
  const PgResult result = Collect();
  Described described;
  for (int i = 0; i < ::PQnparams(result.get()); ++i) {
    described.parameters.push_back(::PQparamtype(result.get(), i));
  }
  for (int i = 0; i < ::PQnfields(result.get()); ++i) {
    described.columns.push_back(::PQftype(result.get(), i));
  }
  return described;
}

PgResult PgConnection::Run(const std::string& name, std::span<const PgValue> values) {
  Send(name, values);
  return Collect();
}

void PgConnection::Send(const std::string& name, std::span<const PgValue> values) {
  std::vector<const char*> data;
  std::vector<int> lengths, formats(values.size(), 1);
  for (const PgValue& value : values) {
    data.push_back(value.null ? nullptr : value.bytes.data());
    lengths.push_back(static_cast<int>(value.bytes.size()));
  }
  if (::PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(values.size()),
                            data.data(), lengths.data(), formats.data(), 1) == 0) {
    GiveUp(LastError());
  }
}

std::vector<PgResult> PgConnection::RunAll(std::span<const Call> calls) {
  const Deadline deadline = SteadyClock::now() + times_.statement + kClientDeadlineMargin;
  if (::PQenterPipelineMode(connection_.get()) == 0) GiveUp(LastError());
  for (const Call& call : calls) Send(*call.name, call.values);
  if (::PQpipelineSync(connection_.get()) == 0) GiveUp(LastError());
  FlushAll(deadline);
  std::vector<PgResult> results;
  std::string error;
  auto kind = StoreFailure::Kind::kFailed;
  while (true) {
    PgResult result = NextResult(deadline);
    if (result == nullptr) continue;  // the end of one call's results
    const ExecStatusType status = ::PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status == PGRES_FATAL_ERROR && error.empty()) {
      const char* code = ::PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      error = OneLine(::PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY)) +
              " sqlstate=" + (code == nullptr ? "none" : code);
      kind = KindOf(result.get());
    }
    if (broken()) GiveUp(error.empty() ? LastError() : error);
    results.push_back(std::move(result));
  }
  if (::PQexitPipelineMode(connection_.get()) == 0) GiveUp(LastError());
  if (!error.empty()) throw StoreFailure(error, kind);
  if (results.size() != calls.size()) GiveUp("the numbers of results and statements differ");
  return results;
}

void PgConnection::FlushAll(Deadline deadline) {
  int unsent = ::PQflush(connection_.get());
  while (unsent == 1) {
    Wait(true, deadline);
    unsent = ::PQflush(connection_.get());
  }
  if (unsent < 0) GiveUp(LastError());
}

PgResult PgConnection::NextResult(Deadline deadline) {
  while (::PQisBusy(connection_.get()) != 0) {
    Wait(false, deadline);
    if (::PQconsumeInput(connection_.get()) == 0) GiveUp(LastError());
  }
  return PgResult(::PQgetResult(connection_.get()));
}

void PgConnection::StartCopy(const std::string& command) {
  const PgResult result = Execute(command);
  if (::PQresultStatus(result.get()) != PGRES_COPY_IN)
    throw StoreFailure("the server does not accept COPY");
}

void PgConnection::SendCopy(std::string_view lot) {
  const Deadline deadline = SteadyClock::now() + times_.statement + kClientDeadlineMargin;
  const int size = static_cast<int>(lot.size());
  int taken = 0;
  while ((taken = ::PQputCopyData(connection_.get(), lot.data(), size)) == 0) Wait(true, deadline);
  if (taken < 0) GiveUp(LastError());
}

void PgConnection::EndCopy() {
  const Deadline deadline = SteadyClock::now() + times_.statement + kClientDeadlineMargin;
  int taken = 0;
  while ((taken = ::PQputCopyEnd(connection_.get(), nullptr)) == 0) Wait(true, deadline);
  if (taken < 0) GiveUp(LastError());
  Collect();
}

PgResult PgConnection::Collect() {
  const Deadline deadline = SteadyClock::now() + times_.statement + kClientDeadlineMargin;
  PgResult last;
  std::string error;
  auto kind = StoreFailure::Kind::kFailed;
  while (true) {
    FlushAll(deadline);
    PgResult result = NextResult(deadline);
    if (result == nullptr) break;
    const ExecStatusType status = ::PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY &&
        status != PGRES_COPY_IN) {
      const char* code = ::PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      if (error.empty()) {
        error = OneLine(::PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY)) +
                " sqlstate=" + (code == nullptr ? "none" : code);
        kind = KindOf(result.get());
      }
    }
    last = std::move(result);
    if (broken() || status == PGRES_COPY_IN) break;
  }
  if (broken()) GiveUp(error.empty() ? LastError() : error);
  if (!error.empty()) throw StoreFailure(error, kind);
  return last;
}

bool PgConnection::HasEnded() {
  if (broken()) return true;
  pollfd heard{.fd = ::PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  if (heard.fd < 0) return true;
  if (::poll(&heard, 1, 0) <= 0) return false;
  return ::PQconsumeInput(connection_.get()) == 0 || broken();
}

void PgConnection::Wait(bool to_write, Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
  if (left <= 0) GiveUp("no answer in time");
  pollfd waiting{.fd = ::PQsocket(connection_.get()),
                 .events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN),
                 .revents = 0};
  if (waiting.fd < 0) GiveUp("not connected");
  const int ready = ::poll(&waiting, 1, static_cast<int>(left));
  if (ready < 0 && errno != EINTR) GiveUp("poll failed");
  if (ready == 0) GiveUp("no answer in time");
  // If the server sends while we write, read from it; otherwise both would block.
  if (to_write && (waiting.revents & POLLIN) != 0 &&
      ::PQstatus(connection_.get()) == CONNECTION_OK && ::PQconsumeInput(connection_.get()) == 0) {
    GiveUp(LastError());
  }
}

void PgConnection::GiveUp(const std::string& what) {
  // Closes only the socket: libpq's close would send a message to a server that may not read.
  if (::PQsocket(connection_.get()) >= 0) ::shutdown(::PQsocket(connection_.get()), SHUT_RDWR);
  lost_ = true;
  throw StoreFailure("postgres: " + what, StoreFailure::Kind::kUnreachable);
}

std::string PgConnection::LastError() const { return OneLine(::PQerrorMessage(connection_.get())); }

std::string PgConnection::Setting(const char* name) const {
  const char* value = ::PQparameterStatus(connection_.get(), name);
  return value == nullptr ? "" : value;
}

}  // namespace parley
