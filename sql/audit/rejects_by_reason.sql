-- question: What could not be read, and why?
-- grain: One row per dataset, kind and reason, most frequent first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column dataset: dataset the input was meant for
-- column kind: kind of reject
-- column reason: what was wrong
-- column rejects: inputs rejected
-- column example_source: one of them
-- column first_rejected_at: when the first was (UTC)
-- column last_rejected_at: when the last was (UTC)
with

dataset_rejects as (
    select dataset, kind, reason, source, rejected_at
    from rejects
    where $dataset = 'all' or dataset = $dataset
),

final as (
    select
        dataset,
        kind,
        reason,
        count(*) as rejects,
        min(source) as example_source,
        min(rejected_at) as first_rejected_at,
        max(rejected_at) as last_rejected_at
    from dataset_rejects
    group by dataset, kind, reason
)

select dataset, kind, reason, rejects, example_source, first_rejected_at, last_rejected_at
from final
order by rejects desc, dataset, kind, reason
limit cast($limit as bigint)
