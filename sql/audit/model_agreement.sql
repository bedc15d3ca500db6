-- question: How often do two model versions agree on the same digit?
-- grain: One row over the shards that both versions scored; if a version scored one twice, the newest counts.
-- param first: number of a model version
-- param second: number of another model version
-- param model: registered model of both versions (default: digits)
-- column first_version: number of the first version
-- column second_version: number of the second version
-- column shards: shards that both versions scored
-- column digits: digits that both versions scored
-- column agreeing: digits that both versions gave the same label
-- column agreement_pct: percentage of digits with the same label, null if there are no digits
-- column digits_with_truth: digits with a known truth
-- column both_right: digits that both versions predicted correctly
-- column first_only_right: digits that only the first version predicted correctly
-- column second_only_right: digits that only the second version predicted correctly
-- column both_wrong: digits that both versions misread
with

scores as (
    select shard_score_id, shard_fingerprint, model_version, scored_at
    from shard_scores
    where model_name = $model and model_version in (cast($first as integer), cast($second as integer))
),

newest_scores as (
    select
        shard_fingerprint,
        model_version,
        arg_max(shard_score_id, (scored_at, shard_score_id)) as shard_score_id
    from scores
    group by shard_fingerprint, model_version
),

first_scores as (
    select shard_fingerprint, shard_score_id
    from newest_scores
    where model_version = cast($first as integer)
),

second_scores as (
    select shard_fingerprint, shard_score_id
    from newest_scores
    where model_version = cast($second as integer)
),

shared_shards as (
    select
        first_scores.shard_fingerprint,
        first_scores.shard_score_id as first_score_id,
        second_scores.shard_score_id as second_score_id
    from first_scores
    inner join second_scores using (shard_fingerprint)
),

first_predictions as (
    select shared_shards.shard_fingerprint, predictions.digit_id, predictions.label, predictions.truth
    from predictions
    inner join shared_shards on predictions.shard_score_id = shared_shards.first_score_id
),

second_predictions as (
    select shared_shards.shard_fingerprint, predictions.digit_id, predictions.label
    from predictions
    inner join shared_shards on predictions.shard_score_id = shared_shards.second_score_id
),

pairs as (
    select
        first_predictions.shard_fingerprint,
        first_predictions.label = second_predictions.label as is_alike,
        first_predictions.truth is not null as has_truth,
        first_predictions.label = first_predictions.truth as is_first_right,
        second_predictions.label = first_predictions.truth as is_second_right
    from first_predictions
    inner join second_predictions using (shard_fingerprint, digit_id)
),

final as (
    select
        cast($first as integer) as first_version,
        cast($second as integer) as second_version,
        count(distinct shard_fingerprint) as shards,
        count(*) as digits,
        count(*) filter (where is_alike) as agreeing,
        round(100.0 * count(*) filter (where is_alike) / nullif(count(*), 0), 2) as agreement_pct,
        count(*) filter (where has_truth) as digits_with_truth,
        count(*) filter (where is_first_right and is_second_right) as both_right,
        count(*) filter (where is_first_right and not is_second_right) as first_only_right,
        count(*) filter (where is_second_right and not is_first_right) as second_only_right,
        count(*) filter (where not is_first_right and not is_second_right) as both_wrong
    from pairs
)

select
    first_version,
    second_version,
    shards,
    digits,
    agreeing,
    agreement_pct,
    digits_with_truth,
    both_right,
    first_only_right,
    second_only_right,
    both_wrong
from final
order by first_version, second_version
