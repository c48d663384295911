-- Released with 0.1.0.
-- Nodes' clocks differ, and transactions do not end in the order in which they began: what a cursor of
-- heads goes by is the transaction that last changed a conversation, and the oldest one that still runs.
ALTER TABLE messaging_conversation
  ADD COLUMN changed bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
ALTER TABLE messaging_conversation DROP COLUMN changed_at;
CREATE INDEX parley_conversation_changed ON messaging_conversation (changed);
-- Changes that nobody can see yet will have `changed` of at least this.
CREATE VIEW parley_change_horizon AS
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position;
