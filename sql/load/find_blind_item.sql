-- Return an item of a blind sample, with the ids that a verdict needs.
select
    cast(scoring_run_id as varchar) as scoring_run_id,
    dataset,
    cast(field_id as varchar) as field_id,
    cast(page_id as varchar) as page_id,
    cast(digit_id as varchar) as digit_id,
    cast(shard_score_id as varchar) as shard_score_id,
    shard_fingerprint
from blind_items
where sample_id = cast($sample_id as uuid) and item_number = $item_number
