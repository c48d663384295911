-- Commit lanes have rows in PostgreSQL only (the file of the same number there): here a COMMIT's answer
-- cannot be lost.
SELECT 1;
