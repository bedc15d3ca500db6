-- Lists the shard scores whose predictions were digested when they were loaded, oldest first.
select cast(shard_score_id as varchar) as shard_score_id
from shard_scores
where predictions_sha256 is not null
order by scored_at, shard_score_id
