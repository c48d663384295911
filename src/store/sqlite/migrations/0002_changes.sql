-- Released with 0.1.0.
-- Durable changes that are no new message: a message's creation is its own row's seq.
CREATE TABLE parley_change (
  conversation_id BLOB NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,       -- ChangeKind
  message_seq INTEGER,         -- of the message that it is about
  PRIMARY KEY (conversation_id, seq)
) WITHOUT ROWID;

-- Set: gone for everybody; what is left of it is removed piece by piece.
ALTER TABLE messaging_conversation ADD COLUMN deleted_at INTEGER;
CREATE INDEX parley_conversation_deleted
  ON messaging_conversation (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE messaging_conversation ADD COLUMN task_id TEXT;
CREATE UNIQUE INDEX parley_conversation_task
  ON messaging_conversation (task_id) WHERE task_id IS NOT NULL;
