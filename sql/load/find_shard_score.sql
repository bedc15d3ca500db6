-- Return whether the ledger contains a shard score, and whether any model version has scored its shard.
select
    count(*) filter (where shard_score_id = $shard_score_id) > 0 as is_scored,
    count(*) > 0 as has_digits
from shard_scores
where shard_score_id = $shard_score_id or shard_fingerprint = $shard_fingerprint
