-- question: How far does each run drift from the validation digits of its model version?
-- grain: One row per finished run and measure, newest run first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column measured_at: time of the comparison (UTC)
-- column scoring_run_id: id of the scoring run
-- column dataset: dataset of the run
-- column model_version: model version of the run, NAME/VERSION
-- column measure: class, confidence, ink or not_a_digit
-- column is_drifted: true if stability_index exceeds alarm_from
-- column stability_index: population stability index; 0.1 counts as a moderate change, 0.25 as a large one
-- column alarm_from: index above which the run counts as drifted, given the number of digits
-- column kolmogorov_smirnov: largest difference between the two cumulative distributions, 0 to 1
-- column digits: compared digits of the run
-- column reference_digits: validation digits in the reference
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
