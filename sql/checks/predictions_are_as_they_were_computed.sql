-- question: Are the predictions of every shard score unchanged since they were computed?
-- grain: One row per changed shard score and run that contains it.
-- param shard: id of a shard score; the check runs once for each
-- column scoring_run_id: run that contains the shard score, null if there is none
-- column dataset: dataset of the shard score
-- column shard_score_id: id of the shard score
-- column rows_computed: number of predictions when they were computed
-- column rows_found: number of predictions now
-- column problem: description of the problem
with

ledger as (
    select shard_score_id, dataset, rows, predictions_sha256
    from shard_scores
    where shard_score_id = cast($shard as uuid)
),

found as (
    select
        count(*) as rows_found,
        sha256(
            coalesce(
                string_agg(
                    prediction_text(digit_id, label, confidence, probabilities, not_a_digit, truth),
                    ''
                    order by digit_id, label, confidence
                ),
                ''
            )
        ) as predictions_sha256
    from predictions
    where shard_score_id = cast($shard as uuid)
),

final as (
    select
        scoring_run_shards.scoring_run_id,
        ledger.dataset,
        ledger.shard_score_id,
        ledger.rows as rows_computed,
        found.rows_found,
        case
            when ledger.predictions_sha256 is null then 'no digest of the predictions is recorded'
            when found.rows_found < ledger.rows then 'predictions were removed'
            when found.rows_found > ledger.rows then 'predictions were added'
            else 'a prediction was altered'
        end as problem
    from ledger
    cross join found
    left join scoring_run_shards using (shard_score_id)
    where ledger.predictions_sha256 is distinct from found.predictions_sha256
)

select scoring_run_id, dataset, shard_score_id, rows_computed, rows_found, problem
from final
order by scoring_run_id, shard_score_id
