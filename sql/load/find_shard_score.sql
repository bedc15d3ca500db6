-- Says whether the ledger has a shard score, and whether it has its shard from any model version.
select
    count(*) filter (where shard_score_id = $shard_score_id) > 0 as is_scored,
    count(*) > 0 as has_digits
from shard_scores
where shard_score_id = $shard_score_id or shard_fingerprint = $shard_fingerprint
