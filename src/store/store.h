// The store, the only source of truth (P8): durable state behind one interface per consumer, which
// SqlStore implements over a thin driver (SqlSession). Consumers take the interface that they use;
// `Store` joins them for the code that opens and closes it.
//
// Threads: every call comes from a shard and is answered once, on that shard (`Executor`), never
// inside the call. Writes use group commit: the answer to a write means that its transaction is on disk
// (P1), and the answers of one batch arrive in commit order in one post. Reads use connections of their
// own.
//
// Errors of every call: `store_unavailable` (nothing was stored), `outcome_unknown` (for writes: it may
// have been stored), and those named at the call.
#pragma once
#include "store/attachment_store.h"
#include "store/conversation_store.h"
#include "store/followed_logs.h"
#include "store/hub_store.h"
#include "store/message_store.h"
#include "store/receipt_store.h"
#include "store/revocation_store.h"
#include "store/store_state.h"

namespace parley {

class Store : public HubStore,
              public ConversationStore,
              public MessageStore,
              public ReceiptStore,
              public AttachmentStore,
              public RevocationStore,
              public FollowedLogs,
              public StoreState {};

}  // namespace parley
