#include "store/restored_history.h"

#include <algorithm>

#include "domain/change.h"
#include "store/queries.h"

namespace parley {
namespace {

constexpr Query kRecordRestore{
    "record_restore",
    "INSERT INTO parley_change (conversation_id, seq, kind, message_seq) "
    "SELECT id, seq + ?1, ?2, seq FROM messaging_conversation WHERE deleted_at IS NULL"};
// Cursors of user sockets are older than ?2, so that these sockets list every conversation.
constexpr Query kMoveHeads{
    "move_heads",
    "UPDATE messaging_conversation SET seq = seq + ?1, changed = ?2 WHERE deleted_at IS NULL"};
constexpr Query kNewIdentity{"new_identity",
                             "UPDATE parley_meta SET value = ?1 WHERE key = 'store_id'"};

}  // namespace

void BeginRestoredHistory(SqlSession& session, const Clock& clock) {
  session.Prepare(kRecordRestore)
      .Bind(1, kRestoredSeqs)
      .Bind(2, static_cast<int>(ChangeKind::kRestored))
      .Run();
  Statement& last = session.Prepare(queries::kLastTime);
  // The clock may be behind that of the machine where the backup was made.
  Timestamp now = clock.Now();
  if (last.Step()) now.micros = std::max(now.micros, last.Int(0) + 1);
  last.Run();
  session.Prepare(kMoveHeads).Bind(1, kRestoredSeqs).Bind(2, session.Position(now)).Run();
  session.Prepare(kNewIdentity).Bind(1, UuidGenerator(clock).Next().ToString()).Run();
}

}  // namespace parley
