-- question: How did one run go, in one row?
-- grain: One row: the run.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param below: confidence under which a digit counts as unsure, 0 to 1 (default: 0.9)
-- column scoring_run_id: the run
-- column dataset: dataset it reads
-- column model_name: the registered model
-- column model_version: its version
-- column digits: digits scored
-- column digits_with_truth: of those, digits of known truth
-- column accuracy_pct: share of those read right, null when no truth is known
-- column mean_confidence: mean calibrated probability of the labels, 0 to 1
-- column low_confidence: digits read with less than the confidence asked for
-- column rejects: inputs of the dataset that could not be read
-- column started_at: when the run first started (UTC)
-- column finished_at: when it was done (UTC), null while it is not
-- column actor: who ran it
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
