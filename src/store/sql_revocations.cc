// SqlStore: revoked tokens.
#include "store/log_reading.h"

namespace parley {
namespace {

class RevocationInsert final : public WriteOf<Revocation> {
 public:
  RevocationInsert(Revocation revocation, Timestamp forget_before, Executor& on,
                   parley::Answer<Revocation> done, Now now)
      : WriteOf(on, std::move(done)),
        revocation_(std::move(revocation)),
        forget_before_(forget_before),
        now_(std::move(now)) {}

  void Apply(SqlSession& session) override {
    session.Prepare(queries::kForgetRevocations).Bind(1, forget_before_.micros).Run();
    revocation_.made_at = now_();
    revocation_.id = NumberFrom(session.Prepare(queries::kInsertRevocation)
                                    .Bind(1, revocation_.jti)
                                    .Bind(2, revocation_.user)
                                    .Bind(3, revocation_.issued_before.micros)
                                    .Bind(4, revocation_.made_at.micros));
    result_ = revocation_;
  }

 private:
  Revocation revocation_;
  Timestamp forget_before_;
  Now now_;
};

}  // namespace

void SqlStore::Revoke(Revocation revocation, Timestamp forget_before, Executor& on,
                      Answer<Revocation> done) {
  commits_.Submit(std::make_unique<RevocationInsert>(
      std::move(revocation), forget_before, on, std::move(done), [this] { return NextTime(); }));
}

void SqlStore::ListRevocations(LogQuery query, Executor& on, Answer<RevocationList> done) {
  static constexpr LogQueries kLog{queries::kRevocationHorizon, queries::kRevocations,
                                   &queries::kRevocationsSince};
  OnReader<RevocationList>(
      on, std::move(done),
      [query = std::move(query)](SqlSession& session) -> Result<RevocationList> {
        RevocationList out;
        out.page = ReadLog<int64_t>(session, kLog, query, [&](Statement& row) {
          Revocation one{.id = row.Int(1), .issued_before = {row.Int(4)}, .made_at = {row.Int(5)}};
          if (!row.IsNull(2)) one.jti = std::string(row.Text(2));
          if (!row.IsNull(3)) one.user = UserId(row.Text(3));
          out.revocations.push_back(std::move(one));
        });
        return out;
      },
      ReadClass::kCritical);
}

}  // namespace parley
