-- question: Which inputs were rejected?
-- grain: One row per rejected input, newest first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column rejected_at: time of the rejection (UTC)
-- column dataset: dataset of the input
-- column source: the input
-- column page: page of the source, from 1, null if the whole input was rejected
-- column kind: kind of reject
-- column reason: reason for the rejection
-- column is_scored_since: true if the rejected input, such as a shard, was restored and scored later
-- column actor: user who started the job that rejected it
-- column reject_id: id of the reject
with

final as (
    select
        rejected_at,
        dataset,
        source,
        page,
        kind,
        reason,
        exists (
            select 1
            from shard_scores
            where
                shard_scores.shard_fingerprint = rejects.source_sha256
                and shard_scores.scored_at > rejects.rejected_at
        ) as is_scored_since,
        actor,
        reject_id
    from rejects
    where $dataset = 'all' or dataset = $dataset
)

select rejected_at, dataset, source, page, kind, reason, is_scored_since, actor, reject_id
from final
order by rejected_at desc, source, page, reject_id
limit cast($limit as bigint)
