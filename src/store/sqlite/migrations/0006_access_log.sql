-- Released with 0.1.0.
-- Who came into a conversation, left it, or lost it with everybody: what every node of a cluster reads
-- every two seconds. Kept for a day. `txn` grows with the order in which rows can be seen; here, where
-- one connection writes, that is their own order.
CREATE TABLE parley_access_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation_id BLOB NOT NULL,
  kind INTEGER NOT NULL,   -- AccessChange::Kind
  users TEXT NOT NULL,     -- ids with a space between them
  made_at INTEGER NOT NULL,
  txn INTEGER GENERATED ALWAYS AS (id) VIRTUAL
);
CREATE INDEX parley_access_log_made ON parley_access_log (made_at);
-- Rows that nobody can see yet have a txn of at least this.
CREATE VIEW parley_access_log_horizon AS
  SELECT coalesce(max(id), 0) + 1 AS txn FROM parley_access_log;

ALTER TABLE parley_revocation ADD COLUMN txn INTEGER GENERATED ALWAYS AS (id) VIRTUAL;
CREATE VIEW parley_revocation_horizon AS
  SELECT coalesce(max(id), 0) + 1 AS txn FROM parley_revocation;
