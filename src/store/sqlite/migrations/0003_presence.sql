-- Released with 0.1.0.
-- When a user last had a connection. Not exact after a crash: then it is when they had come.
CREATE TABLE parley_seen (user_id TEXT PRIMARY KEY, last_seen INTEGER NOT NULL) WITHOUT ROWID;
