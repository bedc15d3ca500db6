-- What computed a shard score, and how: the processor or GPU, its arithmetic, images and threads at a time.
alter table shard_scores add column engine varchar;

-- When a run gave up before its end; null while it is at work and when it is done.
alter table scoring_runs add column stopped_at timestamptz;
