-- question: Do the stored histograms of runs, which decide whether a run is held, count their predictions?
-- grain: One row per run and measure whose histogram differs from the predictions.
-- column scoring_run_id: id of the scoring run
-- column measure: class, confidence, doubt, ink or not_a_digit
-- column problem: description of the problem
with

stored as (
    select scoring_run_id, measure, counts
    from run_histograms
),

runs as (
    select scoring_run_id
    from stored
    union
    select scoring_run_id
    from scoring_runs
    inner join policies_in_force using (model_name, model_version, precision)
    where scoring_runs.finished_at is not null and policies_in_force.drift_from is not null
),

counted as (
    select scoring_run_id, measure, counts
    from prediction_histograms
    semi join runs using (scoring_run_id)
),

final as (
    select
        scoring_run_id,
        measure,
        case
            when stored.counts is null then 'the histogram was removed'
            when counted.counts is null then 'the run has no such predictions'
            else 'the histogram does not count the predictions of the run'
        end as problem
    from stored
    full join counted using (scoring_run_id, measure)
    where stored.counts is distinct from counted.counts
)

select scoring_run_id, measure, problem
from final
order by scoring_run_id, measure
