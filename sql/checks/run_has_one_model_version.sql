-- question: Was every shard of a run scored with the run's model version, preprocessing and precision?
-- grain: One row per run and shard score that differs.
-- column scoring_run_id: id of the scoring run
-- column shard_score_id: id of the shard score
-- column run_model: model version, preprocessing and precision of the run
-- column shard_model: model version, preprocessing and precision of the shard score
-- column problem: description of the problem
with

runs as (
    select
        scoring_run_id,
        concat_ws(
            ' ', concat(model_name, '/', model_version), preprocessing_fingerprint, precision
        ) as run_model
    from scoring_runs
),

ledger as (
    select
        shard_score_id,
        concat_ws(
            ' ', concat(model_name, '/', model_version), preprocessing_fingerprint, precision
        ) as shard_model
    from shard_scores
),

final as (
    select
        runs.scoring_run_id,
        ledger.shard_score_id,
        runs.run_model,
        ledger.shard_model,
        'the shard score and the run differ in model version, preprocessing or precision' as problem
    from scoring_run_shards
    inner join runs using (scoring_run_id)
    inner join ledger using (shard_score_id)
    where runs.run_model <> ledger.shard_model
)

select scoring_run_id, shard_score_id, run_model, shard_model, problem
from final
order by scoring_run_id, shard_score_id
