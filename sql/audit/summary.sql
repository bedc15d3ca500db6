-- question: What are the key figures of a run?
-- grain: One row for the run.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param below: confidence below which a digit counts as low_confidence, 0 to 1 (default: 0.9)
-- column scoring_run_id: id of the scoring run
-- column dataset: dataset of the run
-- column model_name: registered model
-- column model_version: version of the model
-- column digits: scored digits
-- column digits_with_truth: scored digits with a known truth
-- column accuracy_pct: percentage of digits with a known truth predicted correctly, null if no truth is known
-- column mean_confidence: mean confidence of the predictions, 0 to 1
-- column low_confidence: digits with a confidence below the limit
-- column rejects: rejected inputs of the dataset
-- column started_at: time of the first start (UTC)
-- column finished_at: time when the run finished (UTC), null if it has not
-- column actor: user who started the run
with

run as (
    select
        scoring_run_id, dataset, model_name, model_version, started_at, finished_at, actor
    from scoring_runs
    where scoring_run_id = cast($run as uuid)
),

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

figures as (
    select
        count(*) as digits,
        count(predictions.truth) as digits_with_truth,
        round(
            100.0 * count(*) filter (where predictions.label = predictions.truth)
            / nullif(count(predictions.truth), 0),
            2
        ) as accuracy_pct,
        avg(predictions.confidence) as mean_confidence,
        count(*) filter (where predictions.confidence < cast($below as float)) as low_confidence
    from predictions
    inner join run_shards using (shard_score_id)
),

dataset_rejects as (
    select count(*) as rejects
    from rejects
    where dataset in (select dataset from run)
),

final as (
    select
        run.scoring_run_id,
        run.dataset,
        run.model_name,
        run.model_version,
        figures.digits,
        figures.digits_with_truth,
        figures.accuracy_pct,
        figures.mean_confidence,
        figures.low_confidence,
        dataset_rejects.rejects,
        run.started_at,
        run.finished_at,
        run.actor
    from run
    cross join figures
    cross join dataset_rejects
)

select
    scoring_run_id,
    dataset,
    model_name,
    model_version,
    digits,
    digits_with_truth,
    accuracy_pct,
    mean_confidence,
    low_confidence,
    rejects,
    started_at,
    finished_at,
    actor
from final
order by scoring_run_id
