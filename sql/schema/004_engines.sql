-- The processor or GPU that computed a shard score, its arithmetic, batch size and threads.
alter table shard_scores add column engine varchar;

-- Time when a run stopped before its end. Null if the run is active or finished.
alter table scoring_runs add column stopped_at timestamptz;
