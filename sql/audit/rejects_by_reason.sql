-- question: Why were inputs rejected, and how often?
-- grain: One row per dataset, kind and reason, most frequent first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column dataset: dataset of the inputs
-- column kind: kind of reject
-- column reason: reason for the rejection
-- column rejects: rejected inputs
-- column example_source: one of the rejected inputs
-- column first_rejected_at: time of the first rejection (UTC)
-- column last_rejected_at: time of the last rejection (UTC)
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
