-- question: How far does each run differ from the evidence of the policy in force?
-- grain: One row per finished run, policy in force, group of its evidence and measure, newest run first.
-- param dataset: NAME/SPLIT, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column started_at: time when the run started for the first time (UTC)
-- column scoring_run_id: id of the scoring run
-- column dataset: dataset of the run
-- column policy_number: number of the policy in force
-- column subject: digit or field
-- column evidence: group of the policy's evidence, * for all of it
-- column measure: class, confidence, doubt, ink or not_a_digit
-- column is_drifted: true if stability_index exceeds alarm_from, and for doubt, if there are more doubts
-- column stability_index: population stability index; 0.1 counts as a moderate change, 0.25 as a large one
-- column alarm_from: index above which the run counts as different, given the numbers of digits
-- column digits: compared digits of the run
-- column evidence_digits: digits of the evidence
-- column is_held: true if the readings of the run wait for a person because of such differences
with

final as (
    select
        scoring_runs.started_at,
        policy_drift.scoring_run_id,
        policy_drift.dataset,
        policy_drift.policy_number,
        policy_drift.subject,
        policy_drift.evidence,
        policy_drift.measure,
        policy_drift.is_drifted,
        policy_drift.stability_index,
        policy_drift.alarm_from,
        policy_drift.digits,
        policy_drift.evidence_digits,
        coalesce(
            if(policy_drift.subject = 'digit', held_runs.digit_reason, held_runs.field_reason) is not null,
            false
        ) as is_held
    from policy_drift
    inner join scoring_runs on policy_drift.scoring_run_id = scoring_runs.scoring_run_id
    left join held_runs on policy_drift.scoring_run_id = held_runs.scoring_run_id
    where $dataset = 'all' or policy_drift.dataset = $dataset
)

select
    started_at, scoring_run_id, dataset, policy_number, subject, evidence, measure, is_drifted,
    stability_index, alarm_from, digits, evidence_digits, is_held
from final
order by started_at desc, scoring_run_id, policy_number, evidence, measure
limit cast($limit as bigint)
