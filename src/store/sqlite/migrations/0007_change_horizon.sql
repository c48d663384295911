-- Released with 0.1.0.
-- What a cursor of heads goes by: here, where one connection writes, a time that grows with every change.
ALTER TABLE messaging_conversation RENAME COLUMN changed_at TO changed;
-- Changes that nobody can see yet will have `changed` of at least this.
CREATE VIEW parley_change_horizon AS
  SELECT coalesce(max(changed), 0) + 1 AS position FROM messaging_conversation;
