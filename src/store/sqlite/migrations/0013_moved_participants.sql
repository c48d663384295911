-- Without effect: only PostgreSQL has databases that Parley took over.
SELECT 1;
