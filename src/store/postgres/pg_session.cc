#include "store/postgres/pg_session.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <utility>

#include "store/postgres/pg_values.h"

namespace parley {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kFirstBackoff = 100ms;
constexpr auto kLongestBackoff = 2000ms;
// Each open transaction of a position costs readers a statement. With more of them, the position is the
// oldest one, and later rows are read again.
constexpr size_t kMostOpen = 64;

constexpr Query kBegin{"begin", "BEGIN"};
constexpr Query kBeginRead{"begin_read", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
// Its prepared statement is named COMMIT, so that it is recognized on the wire; the text differs from the name.
constexpr Query kCommit{"commit", "commit"};
constexpr const char* kCommitName = "COMMIT";
// The transaction itself writes its number to this row, which it locks until it ends.
constexpr Query kWriteLane{
    "write_lane",
    "INSERT INTO parley_lane AS lane (id, batch) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE "
    "SET batch = excluded.batch, written_at = excluded.written_at "
    "RETURNING pg_current_xact_id()::text::bigint"};

constexpr auto kForgetLanesEvery = 1h;
constexpr Query kForgetLanes{
    "forget_lanes",
    "DELETE FROM parley_lane WHERE id IN (SELECT id FROM parley_lane "
    "WHERE written_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED)"};

// Returns the number of the lane's last committed transaction, 0 if there is none. Waits for a transaction
// that has written the row and not ended, even if it is the lane's first; is rolled back afterwards.
std::string AskLane(const std::string& lane) {
  return "BEGIN; INSERT INTO parley_lane AS lane (id, batch) VALUES ('" + lane +
         "', 0) ON CONFLICT (id) DO UPDATE SET batch = lane.batch RETURNING batch";
}

// Converts "?1" to "$1": queries have SQLite's numbered parameters, and no other "?".
std::string WithDollars(std::string text) {
  std::ranges::replace(text, '?', '$');
  return text;
}

}  // namespace

struct PgSession::Plan {
  const char* query;  // its address identifies it
  std::string name;   // the name of the prepared statement
  PgConnection::Described types;
};

class PgSession::Prepared final : public Statement {
 public:
  Prepared(PgSession& session, const Plan& plan)
      : session_(session), plan_(plan), values_(plan.types.parameters.size()) {}

  void Reset() {
    for (PgValue& value : values_) value = {};
    result_.reset();
    given_ = false;
    texts_.clear();
  }

  // In a pipeline:
  PgConnection::Call call() const { return {&plan_.name, values_}; }
  void Give(PgResult result) {
    result_ = std::move(result);
    row_ = -1;
    given_ = true;
  }

  std::string_view command() const { return ::PQcmdStatus(result_.get()); }

  using Statement::Bind;
  Statement& Bind(int at, int64_t value) override {
    return Set(at, PgNumber(ElementAt(at), value));
  }
  // NULL, which no row equals, if the text is not the id of a user.
  Statement& Bind(int at, std::string_view text) override {
    return Set(at, PgText(ElementAt(at), text));
  }
  Statement& Bind(int at, const Uuid& id) override {
    return Set(at, std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()));
  }
  Statement& BindBlob(int at, std::span<const uint8_t> bytes) override {
    return Set(at, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  Statement& BindNull(int at) override { return Set(at, std::nullopt); }

  // Runs on the first step, which receives all rows.
  bool Step() override {
    texts_.clear();
    if (result_ == nullptr) {
      if (given_) return false;
      try {
        if (session_.HasUnsent()) {
          Prepared* const self[] = {this};
          session_.RunAll(self);
        } else {
          session_.CountRoundTrip();
          result_ = session_.connection().Run(plan_.name, values_);
        }
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
  // Of an array, the type of its elements.
  Oid ElementAt(int at) const {
    const Oid element = PgElementType(TypeAt(at));
    return element == 0 ? TypeAt(at) : element;
  }
  // Adds to an array; sets any other parameter.
  Statement& Set(int at, std::optional<std::string> bytes) {
    PgValue& value = values_.at(static_cast<size_t>(at) - 1);
    if (const Oid element = PgElementType(TypeAt(at))) {
      value.null = false;
      PgAppend(value.bytes, element, bytes);
    } else if (bytes) {
      value = {false, *std::move(bytes)};
    } else {
      value = {};
    }
    return *this;
  }

  PgSession& session_;
  const Plan& plan_;
  std::vector<PgValue> values_;
  PgResult result_;
  bool given_ = false;  // the pipeline has run it already
  int row_ = -1;
  mutable std::deque<std::string> texts_;  // decoded texts of this row
};

class PgSession::Pipeline final : public SqlPipeline {
 public:
  explicit Pipeline(PgSession& session) : session_(session) {}
  Statement& Add(const Query& query) override {
    session_.CountStatement();
    return *statements_.emplace_back(std::make_unique<Prepared>(session_, session_.PlanOf(query)));
  }
  void Run() override {
    if (statements_.empty()) return;
    std::vector<Prepared*> all;
    for (const auto& statement : statements_) all.push_back(statement.get());
    session_.RunAll(all);
  }
  void RunAtCommit() override {
    if (!session_.at_commit_.empty()) session_.Open();
    session_.at_commit_ = std::move(statements_);
  }

 private:
  PgSession& session_;
  std::vector<std::unique_ptr<Prepared>> statements_;
};

PgSession::PgSession(Connect connect, Mode mode, Database database)
    : connect_(std::move(connect)), mode_(mode), database_(std::move(database)) {}

PgSession::~PgSession() = default;

bool PgSession::FitsUserType(std::string_view id) const {
  const Oid type = database_.user_type == "bigint"    ? 20
                   : database_.user_type == "integer" ? 23
                   : database_.user_type == "uuid"    ? 2950
                                                      : 25;  // text
  return PgText(type, id).has_value();
}

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
    CountRoundTrip();
    std::unique_ptr<PgConnection> fresh = connect_();
    if (fresh->timeline().empty()) {
      throw StoreFailure("postgres: it is a standby", StoreFailure::Kind::kUnreachable);
    }
    if (mode_ != Mode::kMigrator) fresh->Execute(kPlanByIndexes);
    connection_ = std::move(fresh);
    RandomBytes(lane_.bytes);
    lane_has_committed_ = false;
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
  const std::string name =
      query.sql == kCommit.sql ? kCommitName : "p" + std::to_string(plans_.size());
  try {
    CountRoundTrip();
    plan = std::make_unique<Plan>(
        query.name, name,
        here.Prepare(name, WithDollars(WithUserType(query.sql, database_.user_type))));
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
  if (HasUnsent()) Open();
  CountRoundTrip();
  connection().Execute(script);
}

void PgSession::Begin() {
  if (connection_ != nullptr && connection_->HasEnded()) connection_.reset();
  connection();
  to_open_ = true;
  ++batch_;
}

void PgSession::Open() { RunAll({}); }

void PgSession::RunAll(std::span<Prepared* const> statements) {
  std::deque<Prepared> opening;
  if (to_open_) {
    PlanOf(kCommit);  // prepared before the transaction
    CountStatement();
    opening.emplace_back(*this, PlanOf(kBegin));
    if (mode_ == Mode::kWriter) {
      CountStatement();
      opening.emplace_back(*this, PlanOf(kWriteLane));
      opening.back().Bind(1, lane_).Bind(2, batch_);
    }
  } else if (to_read_) {
    CountStatement();
    opening.emplace_back(*this, PlanOf(kBeginRead));
  }
  const std::vector<std::unique_ptr<Prepared>> waiting = std::exchange(at_commit_, {});
  std::vector<Prepared*> all;
  for (Prepared& statement : opening) all.push_back(&statement);
  for (const auto& statement : waiting) all.push_back(statement.get());
  all.insert(all.end(), statements.begin(), statements.end());
  std::vector<PgConnection::Call> calls;
  for (const Prepared* statement : all) calls.push_back(statement->call());
  std::vector<PgResult> results;
  to_open_ = false;
  to_read_ = false;
  CountRoundTrip();
  try {
    results = connection().RunAll(calls);
  } catch (const StoreFailure& failure) {
    throw StoreFailure(std::string("pipeline: ") + failure.what(), failure.kind());
  }
  for (size_t i = 0; i < results.size(); ++i) all[i]->Give(std::move(results[i]));
  if (opening.size() > 1 && opening.back().Step()) position_ = opening.back().Int(0);
}

std::optional<StorePosition> PgSession::Snapshot() {
  CountStatement();
  CountRoundTrip();
  const std::string begin = std::exchange(to_read_, false) ? kBeginRead.sql + std::string(";") : "";
  const PgResult result = connection().Execute(begin + "SELECT pg_current_snapshot()::text");
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

int64_t PgSession::Position(Timestamp /*now*/) {
  if (to_open_) Open();
  return position_;
}

void PgSession::BeginRead() {
  AwaitEndOfRead();
  if (connection_ != nullptr && connection_->HasEnded()) connection_.reset();
  connection();
  to_read_ = true;
}

// The rows have been read, so a failure changes nothing.
void PgSession::EndRead() {
  if (std::exchange(to_read_, false) || connection_ == nullptr || connection_->broken()) return;
  CountStatement();
  try {
    connection_->SendScript("COMMIT");
    ending_ = true;
  } catch (const StoreFailure&) {
    connection_.reset();
  }
}

void PgSession::AwaitEndOfRead() {
  if (!std::exchange(ending_, false)) return;
  try {
    connection_->Collect();
  } catch (const StoreFailure&) {
    connection_.reset();
  }
}

bool PgSession::HasUnsent() const { return to_open_ || to_read_ || !at_commit_.empty(); }

void PgSession::Commit() {
  if (mode_ == Mode::kReader) return EndRead();
  if (to_open_) Open();
  if (connection_ == nullptr || connection_->broken()) {
    throw StoreFailure("commit: not connected", StoreFailure::Kind::kUnreachable);
  }
  CountStatement();
  Prepared commit(*this, PlanOf(kCommit));
  Prepared* const last[] = {&commit};
  try {
    RunAll(last);
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK.
    if (commit.command() != "COMMIT") throw StoreFailure("commit: it was rolled back");
    lane_has_committed_ = true;
  } catch (const StoreFailure& failure) {
    if (!connection_->broken() || mode_ != Mode::kWriter) throw;
    in_doubt_ = {lane_.ToString(), connection_->epoch(), batch_, !lane_has_committed_};
    throw StoreFailure(std::string("commit: ") + failure.what(),
                       StoreFailure::Kind::kOutcomeUnknown);
  }
}

SqlSession::Outcome PgSession::AskOutcome() {
  if (!in_doubt_) return Outcome::kUnknown;
  int64_t last = 0;
  bool same_epoch = false;
  try {
    CountRoundTrip();
    const PgResult row = connection().Execute(AskLane(in_doubt_->lane));
    last = std::stoll(::PQgetvalue(row.get(), 0, 0));
    same_epoch = connection_->epoch() == in_doubt_->epoch;
  } catch (const StoreFailure&) {
    Rollback();
    return Outcome::kInProgress;
  }
  Rollback();
  const InDoubt asked = *std::exchange(in_doubt_, std::nullopt);
  if (last == asked.batch) return Outcome::kCommitted;
  // A promoted standby may lack the commit, and the old primary may still return, so the outcome stays
  // unknown. The row itself may also have been removed.
  if (!same_epoch || (last == 0 && !asked.first)) return Outcome::kUnknown;
  return Outcome::kRolledBack;
}

void PgSession::ForgetOldLanes() {
  const auto now = SteadyClock::now();
  if (now < forget_lanes_at_) return;
  forget_lanes_at_ = now + kForgetLanesEvery;
  Prepare(kForgetLanes).Run();
}

void PgSession::Rollback() noexcept {
  to_open_ = false;
  to_read_ = false;
  at_commit_.clear();
  try {
    AwaitEndOfRead();
    for (auto& [sql, prepared] : prepared_) prepared->Reset();
    if (connection_ != nullptr && !connection_->broken() && connection_->InTransaction()) {
      CountRoundTrip();
      connection_->Execute("ROLLBACK");
    }
  } catch (const std::exception&) {
    connection_.reset();
  }
}

}  // namespace parley
