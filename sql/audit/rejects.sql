-- question: Which inputs were rejected?
-- grain: One row per rejected input, newest first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column rejected_at: when (UTC)
-- column dataset: dataset the input was meant for
-- column source: the input
-- column page: page of the source, from 1, null when all of it was rejected
-- column kind: kind of reject
-- column reason: what was wrong
-- column is_scored_since: whether what was rejected, a shard for one, has been restored and scored since
-- column actor: who ran the ingest
-- column reject_id: the reject
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
