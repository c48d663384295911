-- Released with 0.1.0.
-- The guide system's tables (names and columns), with Parley's columns added. Ids are 16-byte blobs,
-- times microseconds since 1970 UTC, metadata JSON text.
CREATE TABLE parley_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE messaging_conversation (
  id BLOB PRIMARY KEY,
  type TEXT NOT NULL DEFAULT 'direct',
  title TEXT,
  created_at INTEGER NOT NULL,
  last_message_at INTEGER,
  metadata TEXT NOT NULL DEFAULT '{}',
  seq INTEGER NOT NULL DEFAULT 0,          -- of the last durable change
  changed_at INTEGER NOT NULL,             -- grows with every change of any conversation
  participant_count INTEGER NOT NULL DEFAULT 0,
  direct_key TEXT UNIQUE                   -- the two ids of a direct conversation, sorted
) WITHOUT ROWID;

CREATE TABLE messaging_conversation_participant (
  conversation_id BLOB NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  role INTEGER NOT NULL DEFAULT 0,
  last_read_seq INTEGER NOT NULL DEFAULT 0,
  last_read_at INTEGER,
  PRIMARY KEY (conversation_id, user_id)
) WITHOUT ROWID;
CREATE INDEX parley_participant_user
  ON messaging_conversation_participant (user_id, conversation_id);
CREATE INDEX parley_participant_joined
  ON messaging_conversation_participant (conversation_id, joined_at);

-- Clustered as it is read: a page of history is one stretch of the tree.
CREATE TABLE messaging_message (
  conversation_id BLOB NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  sender_id TEXT,
  content TEXT NOT NULL,
  content_type TEXT NOT NULL DEFAULT 'text',
  sent_at INTEGER NOT NULL,
  delivered_at INTEGER,
  read_at INTEGER,
  edited_at INTEGER,
  deleted_at INTEGER,
  reply_to BLOB,
  metadata TEXT NOT NULL DEFAULT '{}',
  client_id TEXT,
  request_hash BLOB,
  PRIMARY KEY (conversation_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX parley_message_id ON messaging_message (id);
CREATE UNIQUE INDEX parley_message_client_id
  ON messaging_message (conversation_id, sender_id, client_id) WHERE client_id IS NOT NULL;
