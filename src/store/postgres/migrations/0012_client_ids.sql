-- Without effect: SQLite finds client ids without a unique index, and PostgreSQL keeps it.
SELECT 1;
