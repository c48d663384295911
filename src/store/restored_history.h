// The history of a store that was restored from a backup: see kRestoredSeqs in domain/change.h.
#pragma once
#include "base/clock.h"
#include "store/sql_session.h"

namespace parley {

// Moves the head of every conversation beyond all seqs that were assigned after the backup, and gives the
// store a new identity, so that nodes of the original store do not take it for theirs. Runs in the current
// transaction. No other process may use the store. Throws StoreFailure.
void BeginRestoredHistory(SqlSession& session, const Clock& clock);

}  // namespace parley
