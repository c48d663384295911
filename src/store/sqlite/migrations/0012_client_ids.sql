-- Finds a message by its client id (store/client_ids.h). `hash`: SipHash of conversation, sender and client id, with
-- parley_meta's client_id_key. MigrateSqlite adds the rows of stored messages.
CREATE TABLE parley_client_id (
  conversation_id BLOB NOT NULL,
  hash INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, hash, seq)
) WITHOUT ROWID;
DROP INDEX parley_message_client_id;
