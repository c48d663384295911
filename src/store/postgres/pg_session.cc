#include "store/postgres/pg_session.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <thread>

#include "base/log.h"
#include "store/postgres/pg_values.h"

namespace parley {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kFirstBackoff = 100ms;
constexpr auto kLongestBackoff = 2000ms;
// How long the outcome of a commit whose answer was lost is asked for.
constexpr auto kSettleFor = 8s;
constexpr auto kSettlePause = 200ms;
// A first call that fails sooner is tried again on another connection.
constexpr auto kFirstTry = 1s;
// Each open transaction of a position costs its readers a statement. With more of them a position is
// the oldest, and what came since is read again.
constexpr size_t kMostOpen = 64;

// "?1" to "$1": queries are written for SQLite's numbered parameters, and hold no other "?".
std::string WithDollars(const char* sql) {
  std::string text(sql);
  std::ranges::replace(text, '?', '$');
  return text;
}

}  // namespace

struct PgSession::Plan {
  const char* query;  // its name
  std::string name;   // the server's for it
  PgConnection::Described types;
};

class PgSession::Prepared final : public Statement {
 public:
  Prepared(PgSession& session, const Plan& plan)
      : session_(session), plan_(plan), values_(plan.types.parameters.size()) {}

  void Reset() {
    for (PgValue& value : values_) value = {};
    result_.reset();
    texts_.clear();
  }

  // In a pipeline:
  PgConnection::Call call() const { return {&plan_.name, values_}; }
  void Give(PgResult result) {
    result_ = std::move(result);
    row_ = -1;
    given_ = true;
  }

  using Statement::Bind;
  Statement& Bind(int at, int64_t value) override { return Set(at, PgNumber(TypeAt(at), value)); }
  Statement& Bind(int at, std::string_view text) override {
    return Set(at, PgText(TypeAt(at), text));
  }
  Statement& Bind(int at, const Uuid& id) override {
    return Set(at, std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()));
  }
  Statement& BindBlob(int at, std::span<const uint8_t> bytes) override {
    return Set(at, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  Statement& BindNull(int at) override {
    values_.at(static_cast<size_t>(at) - 1) = {};
    return *this;
  }

  // Runs with the first step; the rows are all here then.
  bool Step() override {
    texts_.clear();
    if (result_ == nullptr) {
      if (given_) return false;
      try {
        result_ = session_.connection().Run(plan_.name, values_);
      } catch (const StoreFailure& failure) {
        throw StoreFailure(std::string(plan_.query) + ": " + failure.what(), failure.kind());
      }
      row_ = -1;
    }
    if (++row_ < ::PQntuples(result_.get())) return true;
    result_.reset();
    return false;
  }
  bool IsNull(int at) const override { return ::PQgetisnull(result_.get(), row_, at) != 0; }
  int64_t Int(int at) const override {
    return IsNull(at) ? 0 : NumberFromPg(ColumnAt(at), Blob(at));
  }
  std::string_view Text(int at) const override {
    if (IsNull(at)) return {};
    if (IsPlainText(ColumnAt(at))) return Blob(at);
    return texts_.emplace_back(TextFromPg(ColumnAt(at), Blob(at)));
  }
  std::string_view Blob(int at) const override {
    return {::PQgetvalue(result_.get(), row_, at),
            static_cast<size_t>(::PQgetlength(result_.get(), row_, at))};
  }
  Uuid Id(int at) const override {
    const std::string_view bytes = Blob(at);
    Uuid id;
    if (bytes.size() == id.bytes.size()) std::ranges::copy(bytes, id.bytes.begin());
    return id;
  }

 private:
  Oid TypeAt(int at) const { return plan_.types.parameters.at(static_cast<size_t>(at) - 1); }
  Oid ColumnAt(int at) const { return plan_.types.columns.at(static_cast<size_t>(at)); }
  Statement& Set(int at, std::string bytes) {
    values_.at(static_cast<size_t>(at) - 1) = {false, std::move(bytes)};
    return *this;
  }

  PgSession& session_;
  const Plan& plan_;
  std::vector<PgValue> values_;
  PgResult result_;
  bool given_ = false;  // by a pipeline, which does not run it again
  int row_ = -1;
  mutable std::deque<std::string> texts_;  // of this row, where they are not the bytes as they came
};

class PgSession::Pipeline final : public SqlPipeline {
 public:
  explicit Pipeline(PgSession& session) : session_(session) {}
  Statement& Add(const Query& query) override {
    session_.CountStatement();
    return statements_.emplace_back(session_, session_.PlanOf(query));
  }
  void Run() override {
    if (statements_.empty()) return;
    std::vector<PgConnection::Call> calls;
    for (const Prepared& statement : statements_) calls.push_back(statement.call());
    std::vector<PgResult> results;
    try {
      results = session_.connection().RunAll(calls);
    } catch (const StoreFailure& failure) {
      throw StoreFailure(std::string("pipeline: ") + failure.what(), failure.kind());
    }
    for (size_t i = 0; i < results.size(); ++i) statements_[i].Give(std::move(results[i]));
  }

 private:
  PgSession& session_;
  std::deque<Prepared> statements_;
};

PgSession::PgSession(Connect connect, Mode mode) : connect_(std::move(connect)), mode_(mode) {}

PgSession::~PgSession() = default;

PgConnection& PgSession::connection() {
  if (connection_ != nullptr && !connection_->broken()) return *connection_;
  prepared_.clear();
  plans_.clear();
  connection_.reset();
  const auto now = SteadyClock::now();
  if (now < next_attempt_) {
    throw StoreFailure("postgres: not connected", StoreFailure::Kind::kUnreachable);
  }
  try {
    connection_ = connect_();
    if (connection_->timeline().empty()) {
      connection_.reset();
      throw StoreFailure("postgres: it is a standby", StoreFailure::Kind::kUnreachable);
    }
    backoff_ = 0ms;
  } catch (const StoreFailure&) {
    backoff_ = std::clamp<std::chrono::milliseconds>(backoff_ * 2, kFirstBackoff, kLongestBackoff);
    next_attempt_ = SteadyClock::now() + backoff_;
    throw;
  }
  return *connection_;
}

const PgSession::Plan& PgSession::PlanOf(const Query& query) {
  PgConnection& here = connection();
  std::unique_ptr<Plan>& plan = plans_[query.sql];
  if (plan != nullptr) return *plan;
  const std::string name = "p" + std::to_string(plans_.size());
  try {
    plan = std::make_unique<Plan>(query.name, name, here.Prepare(name, WithDollars(query.sql)));
  } catch (const StoreFailure& failure) {
    plans_.erase(query.sql);
    throw StoreFailure(std::string(query.name) + ": " + failure.what(), failure.kind());
  }
  return *plan;
}

Statement& PgSession::Prepare(const Query& query) {
  CountStatement();
  const Plan& plan = PlanOf(query);
  std::unique_ptr<Prepared>& prepared = prepared_[query.sql];
  if (prepared == nullptr) {
    prepared = std::make_unique<Prepared>(*this, plan);
  } else {
    prepared->Reset();
  }
  return *prepared;
}

std::unique_ptr<SqlPipeline> PgSession::NewPipeline() { return std::make_unique<Pipeline>(*this); }

void PgSession::Execute(const std::string& script) {
  CountStatement();
  connection().Execute(script);
}

PgResult PgSession::BeginWith(const char* script) {
  CountStatement();
  const auto since = SteadyClock::now();
  try {
    return connection().Execute(script);
  } catch (const StoreFailure&) {
    // A connection that was idle may have been dead for long; nothing has been done on it yet.
    if (!connection_ || !connection_->broken() || SteadyClock::now() > since + kFirstTry) throw;
  }
  return connection().Execute(script);
}

void PgSession::Begin() {
  // The id is what a lost COMMIT is settled by.
  const PgResult id = BeginWith("BEGIN; SELECT pg_current_xact_id()::text");
  transaction_ = ::PQgetvalue(id.get(), 0, 0);
  timeline_ = connection().timeline();
}

void PgSession::BeginRead() {
  transaction_.clear();
  BeginWith("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

std::optional<StorePosition> PgSession::Snapshot() {
  CountStatement();
  const PgResult result = connection().Execute("SELECT pg_current_snapshot()::text");
  // "xmin:xmax:xip,xip"
  const std::string_view text(::PQgetvalue(result.get(), 0, 0));
  StorePosition out{.epoch = Epoch()};
  std::vector<int64_t> numbers;
  for (size_t at = 0; at < text.size();) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    at = static_cast<size_t>(end - text.data()) + 1;
  }
  if (numbers.size() < 2) throw StoreFailure("postgres: a snapshot cannot be read");
  out.open.assign(numbers.begin() + 2, numbers.end());
  std::ranges::sort(out.open);
  out.next = numbers[1];
  if (out.open.size() > kMostOpen) {
    out.next = numbers[0];
    out.open.clear();
  }
  return out;
}

void PgSession::Commit() {
  if (connection_ == nullptr || connection_->broken()) {
    throw StoreFailure("commit: not connected", StoreFailure::Kind::kUnreachable);
  }
  CountStatement();
  try {
    const PgResult result = connection_->Execute("COMMIT");
    // A transaction that has failed answers COMMIT with ROLLBACK.
    if (std::string_view(::PQcmdStatus(result.get())) != "COMMIT") {
      throw StoreFailure("commit: it was rolled back");
    }
  } catch (const StoreFailure& failure) {
    if (!connection_->broken() || mode_ == Mode::kReader || transaction_.empty()) throw;
    Settle(failure.what());
  }
}

void PgSession::Settle(const std::string& lost) {
  const auto deadline = SteadyClock::now() + kSettleFor;
  log::warn("commit's answer was lost, asking what became of it error={}", lost);
  bool aborted = false;
  while (!aborted && SteadyClock::now() < deadline) {
    try {
      next_attempt_ = {};
      // Another timeline is a standby that was promoted: it gives ids that it has not heard of to
      // others.
      if (connection().timeline() != timeline_) break;
      const PgResult result =
          connection().Execute("SELECT pg_xact_status('" + transaction_ + "'::xid8)");
      const std::string_view status(::PQgetvalue(result.get(), 0, 0));
      if (status == "committed") return;
      if (status.empty()) break;  // too long ago to be known
      aborted = status == "aborted";
    } catch (const StoreFailure&) {
      // It is not there yet.
    }
    if (!aborted) std::this_thread::sleep_for(kSettlePause);
  }
  throw StoreFailure("commit: " + lost, aborted ? StoreFailure::Kind::kUnreachable
                                                : StoreFailure::Kind::kOutcomeUnknown);
}

void PgSession::Rollback() noexcept {
  try {
    for (auto& [sql, prepared] : prepared_) prepared->Reset();
    if (connection_ != nullptr && !connection_->broken() && connection_->InTransaction()) {
      connection_->Execute("ROLLBACK");
    }
  } catch (const std::exception&) {
    connection_.reset();
  }
}

}  // namespace parley
