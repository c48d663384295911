-- What is read each two seconds from a position on is found by an index, however much of it there is.
CREATE INDEX IF NOT EXISTS parley_access_log_txn ON parley_access_log (txn);
CREATE INDEX IF NOT EXISTS parley_revocation_txn ON parley_revocation (txn);
