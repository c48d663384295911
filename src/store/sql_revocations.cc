// SqlStore: revoked tokens.
#include "store/sql_work.h"

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
    revocation_.id = NumberFrom(session.Prepare(queries::kInsertRevocation)
                                    .Bind(1, revocation_.jti)
                                    .Bind(2, revocation_.user)
                                    .Bind(3, revocation_.issued_before.micros)
                                    .Bind(4, now_().micros));
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

void SqlStore::ListRevocations(int64_t position, Executor& on, Answer<RevocationList> done) {
  OnReader<RevocationList>(
      on, std::move(done),
      [=](SqlSession& session) -> Result<RevocationList> {
        RevocationList out{.position = NumberFrom(session.Prepare(queries::kRevocationHorizon)),
                           .epoch = session.Epoch()};
        Statement& rows = session.Prepare(queries::kRevocations).Bind(1, position);
        while (rows.Step()) {
          Revocation one{.id = rows.Int(0), .issued_before = {rows.Int(3)}};
          if (!rows.IsNull(1)) one.jti = std::string(rows.Text(1));
          if (!rows.IsNull(2)) one.user = UserId(rows.Text(2));
          out.revocations.push_back(std::move(one));
        }
        return out;
      },
      ReadClass::kCritical);
}

}  // namespace parley
