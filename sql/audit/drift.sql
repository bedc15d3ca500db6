-- question: How far is what was read from what the model version was made with, run by run?
-- grain: One row per finished run and measure, newest run first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: most rows to list (default: 100)
-- column measured_at: when the run was compared (UTC)
-- column scoring_run_id: the run
-- column dataset: dataset it reads
-- column model_version: model version that read it
-- column measure: class, confidence, ink or not_a_digit
-- column is_drifted: whether it is further off than chance and the threshold allow
-- column stability_index: population stability index; 0.1 is called a moderate change, 0.25 a large one
-- column alarm_from: index from which it is an alarm, with so many digits
-- column kolmogorov_smirnov: largest difference of the two cumulative shares, 0 to 1
-- column digits: digits of the run that were compared
-- column reference_digits: validation digits that they were compared with
with

final as (
    select
        drift.measured_at,
        drift.scoring_run_id,
        scoring_runs.dataset,
        concat_ws('/', scoring_runs.model_name, scoring_runs.model_version) as model_version,
        drift.measure,
        drift.is_drifted,
        drift.stability_index,
        drift.alarm_from,
        drift.kolmogorov_smirnov,
        drift.digits,
        drift.reference_digits
    from drift
    inner join scoring_runs using (scoring_run_id)
    where $dataset = 'all' or scoring_runs.dataset = $dataset
)

select
    measured_at, scoring_run_id, dataset, model_version, measure, is_drifted, stability_index, alarm_from,
    kolmogorov_smirnov, digits, reference_digits
from final
order by measured_at desc, scoring_run_id, measure
limit cast($limit as bigint)
