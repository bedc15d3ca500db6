-- question: Does every prediction have exactly one row in digits, which records its place on paper?
-- grain: One row per shard score and digit without exactly one prediction and one place, at most 1,000.
-- column shard_score_id: id of the shard score
-- column shard_fingerprint: fingerprint of its shard
-- column digit_id: id of the digit
-- column provenances: rows in the table digits for this shard and digit
-- column predictions: predictions for the digit
-- column problem: description of the problem
with

ledger as (
    select shard_score_id, shard_fingerprint
    from shard_scores
),

-- Per shard, a count and a sum of hashes show whether both sides hold the same digits equally often, in any
-- order. Compare only the shards that differ digit by digit. If both sides repeat a digit equally often,
-- shard_has_one_prediction_a_digit finds it.
predicted_shards as (
    select shard_score_id, count(*) as predictions, sum(hash(digit_id)) as digits_hash
    from predictions
    group by shard_score_id
),

known_shards as (
    select shard_fingerprint, count(*) as provenances, sum(hash(digit_id)) as digits_hash
    from digits
    group by shard_fingerprint
),

suspect_shards as (
    select ledger.shard_score_id, ledger.shard_fingerprint
    from ledger
    left join predicted_shards using (shard_score_id)
    left join known_shards using (shard_fingerprint)
    where predicted_shards.predictions is distinct from known_shards.provenances
        or predicted_shards.digits_hash is distinct from known_shards.digits_hash
),

sides as (
    select
        suspect_shards.shard_score_id,
        suspect_shards.shard_fingerprint,
        predictions.digit_id,
        0 as provenances,
        1 as predictions
    from predictions
    inner join suspect_shards using (shard_score_id)
    union all
    select
        suspect_shards.shard_score_id,
        suspect_shards.shard_fingerprint,
        digits.digit_id,
        1 as provenances,
        0 as predictions
    from digits
    inner join suspect_shards using (shard_fingerprint)
),

counts as (
    select
        shard_score_id,
        shard_fingerprint,
        digit_id,
        cast(sum(provenances) as bigint) as provenances,
        cast(sum(predictions) as bigint) as predictions
    from sides
    group by shard_score_id, shard_fingerprint, digit_id
),

final as (
    select
        shard_score_id,
        shard_fingerprint,
        digit_id,
        provenances,
        predictions,
        case
            when provenances = 0 then 'the digit has no row in digits'
            when provenances > 1 then 'the digit has several rows in digits'
            when predictions = 0 then 'the digit has no prediction'
            else 'the digit has several predictions'
        end as problem
    from counts
    where provenances <> 1 or predictions <> 1
)

select shard_score_id, shard_fingerprint, digit_id, provenances, predictions, problem
from final
order by shard_score_id, digit_id
limit 1000
