-- One row for each commit lane of each running node: the number of the lane's last transaction, which
-- writes it itself. A COMMIT whose answer was lost is settled by it. Rows of lanes that have ended are
-- removed a day later.
CREATE TABLE parley_lane (
  id uuid PRIMARY KEY,   -- random, made when the lane starts
  batch bigint NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
