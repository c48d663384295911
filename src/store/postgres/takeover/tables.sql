-- Parley's own tables in a database that it takes over: those of schema 11, and the inbox of changes by
-- other writers.
CREATE TABLE parley_change (
  conversation_id uuid NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  kind smallint NOT NULL,
  message_seq bigint,
  PRIMARY KEY (conversation_id, seq)
);
CREATE VIEW parley_change_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position;

CREATE TABLE parley_seen (user_id text COLLATE "C" PRIMARY KEY, last_seen timestamptz NOT NULL);

CREATE TABLE parley_revocation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  jti text,
  user_id text COLLATE "C",
  issued_before timestamptz,
  made_at timestamptz NOT NULL,
  txn bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX parley_revocation_made ON parley_revocation (made_at);
CREATE INDEX parley_revocation_txn ON parley_revocation (txn);
CREATE VIEW parley_revocation_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS txn;

CREATE TABLE parley_removed_file (id uuid PRIMARY KEY);

CREATE TABLE parley_access_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  conversation_id uuid NOT NULL,
  kind smallint NOT NULL,
  users text COLLATE "C" NOT NULL,
  made_at timestamptz NOT NULL,
  txn bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX parley_access_log_made ON parley_access_log (made_at);
CREATE INDEX parley_access_log_txn ON parley_access_log (txn);
CREATE VIEW parley_access_log_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS txn;

CREATE TABLE parley_lane (
  id uuid PRIMARY KEY,
  batch bigint NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- One row for each change by a writer other than Parley, written by the triggers. Parley adopts the change
-- and removes the row in one transaction.
CREATE TABLE parley_inbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  conversation_id uuid NOT NULL,
  kind smallint NOT NULL,  -- InboxKind
  message_id uuid,
  message_seq bigint       -- of a deleted message
);
CREATE INDEX parley_inbox_conversation ON parley_inbox (conversation_id, id);

-- Messages whose rows another writer deleted: a replay needs their ids.
CREATE TABLE parley_tombstone (
  conversation_id uuid NOT NULL REFERENCES messaging_conversation (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);
