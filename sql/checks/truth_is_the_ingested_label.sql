-- question: Is the truth of every prediction the label that its digit had at ingest?
-- grain: One row per prediction where they differ, at most 1,000.
-- column shard_score_id: id of the shard score that contains the prediction
-- column digit_id: id of the digit
-- column truth: truth that the prediction stores, null if unknown
-- column ingested_label: label of the digit at ingest, null if unknown
-- column problem: description of the problem
with

ledger as (
    select shard_score_id, shard_fingerprint
    from shard_scores
),

-- As in prediction_has_one_provenance, a sum of hashes finds the shards to compare digit by digit.
predicted_shards as (
    select shard_score_id, sum(hash(digit_id, truth)) as truths_hash
    from predictions
    group by shard_score_id
),

known_shards as (
    select shard_fingerprint, sum(hash(digit_id, label)) as labels_hash
    from digits
    group by shard_fingerprint
),

suspect_shards as (
    select ledger.shard_score_id, ledger.shard_fingerprint
    from ledger
    inner join predicted_shards using (shard_score_id)
    inner join known_shards using (shard_fingerprint)
    where predicted_shards.truths_hash <> known_shards.labels_hash
),

suspect_predictions as (
    select
        suspect_shards.shard_fingerprint,
        predictions.shard_score_id,
        predictions.digit_id,
        predictions.truth
    from predictions
    inner join suspect_shards using (shard_score_id)
),

final as (
    select
        suspect_predictions.shard_score_id,
        suspect_predictions.digit_id,
        suspect_predictions.truth,
        digits.label as ingested_label,
        'the truth differs from the label at ingest' as problem
    from suspect_predictions
    inner join digits using (shard_fingerprint, digit_id)
    where suspect_predictions.truth is distinct from digits.label
)

select shard_score_id, digit_id, truth, ingested_label, problem
from final
order by shard_score_id, digit_id
limit 1000
