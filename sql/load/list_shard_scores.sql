-- List the shard scores of the ledger, oldest first.
select cast(shard_score_id as varchar) as shard_score_id
from shard_scores
order by scored_at, shard_score_id
