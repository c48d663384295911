-- Released with 0.1.0.
-- Revoked tokens: one by its jti, or all of a user that were issued up to a time. Ids
-- grow, so that every node reads what is new to it.
CREATE TABLE parley_revocation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  jti TEXT,
  user_id TEXT,
  issued_before INTEGER,
  made_at INTEGER NOT NULL
);
CREATE INDEX parley_revocation_made ON parley_revocation (made_at);
