-- What computed a shard score, and how: the processor or GPU, its arithmetic, images and threads at a time.
alter table shard_scores add column engine varchar;
