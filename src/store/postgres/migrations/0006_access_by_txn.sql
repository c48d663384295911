-- Released with 0.1.0.
-- Who came into a conversation, left it, or lost it with everybody: what every node reads every two
-- seconds. Kept for a day. Ids do not become visible in their order, so readers go by `txn`: all rows of
-- transactions that have not ended have at least the horizon's.
CREATE TABLE parley_access_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  conversation_id uuid NOT NULL,
  kind smallint NOT NULL,                  -- AccessChange::Kind
  users text COLLATE "C" NOT NULL,         -- ids with a space between them
  made_at timestamptz NOT NULL,
  txn bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX parley_access_log_made ON parley_access_log (made_at);
CREATE INDEX parley_access_log_txn ON parley_access_log (txn);
CREATE VIEW parley_access_log_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS txn;

ALTER TABLE parley_revocation
  ADD COLUMN txn bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX parley_revocation_txn ON parley_revocation (txn);
CREATE VIEW parley_revocation_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS txn;
