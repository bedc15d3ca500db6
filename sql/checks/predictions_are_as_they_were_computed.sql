-- question: Is every prediction of a shard score as it was computed, none altered, gone or put in?
-- grain: One row per shard score with other predictions than were computed, and run it belongs to.
-- param shard: id of the shard score; every one is asked for
-- column scoring_run_id: a run that the shard score belongs to, null where none does
-- column dataset: dataset it reads
-- column shard_score_id: the shard score
-- column rows_computed: predictions that were computed
-- column rows_found: predictions there are now
-- column problem: what is wrong
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
            when ledger.predictions_sha256 is null then 'predictions were never digested'
            when found.rows_found < ledger.rows then 'predictions were taken out'
            when found.rows_found > ledger.rows then 'predictions were put in'
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
