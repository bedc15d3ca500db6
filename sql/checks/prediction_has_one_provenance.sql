-- question: Is it known of every prediction, once, where on paper its digit is?
-- grain: One row per shard score and digit that lacks one of the two, or has several; at most 1,000.
-- column shard_score_id: the shard score
-- column shard_fingerprint: its shard
-- column digit_id: the digit
-- column provenances: rows that say where the digit is
-- column predictions: predictions of the digit
-- column problem: what is wrong
with

ledger as (
    select shard_score_id, shard_fingerprint
    from shard_scores
),

-- A count and a sum of hashes tell, a shard at a time, whether both sides hold the same digits equally
-- often, in whatever order; only the shards that differ are compared digit by digit. That a digit is
-- there several times on both sides alike is for shard_has_one_prediction_a_digit to find.
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
            when provenances = 0 then 'nothing says where the digit is'
            when provenances > 1 then 'several rows say where the digit is'
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
