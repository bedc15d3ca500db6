-- List the measures in which a run differs from the nearest evidence of the policies in force, and whether
-- the policies hold the run for it. No row means that the run resembles some evidence, or that no policy has
-- stored evidence.
with

groups as (
    select
        subject,
        policy_number,
        if_drift,
        evidence,
        bool_or(is_drifted) as is_drifted,
        max(stability_index / alarm_from) as excess
    from policy_drift
    where scoring_run_id = cast($scoring_run_id as uuid)
    group by subject, policy_number, if_drift, evidence
),

nearest as (
    select subject, policy_number, if_drift, arg_min(evidence, (excess, evidence)) as evidence
    from groups
    group by subject, policy_number, if_drift
    having bool_and(is_drifted)
)

select
    nearest.subject,
    nearest.policy_number,
    nearest.if_drift = 'hold' as is_held,
    policy_drift.measure,
    policy_drift.stability_index,
    policy_drift.alarm_from
from nearest
inner join policy_drift
    on nearest.policy_number = policy_drift.policy_number
    and nearest.evidence = policy_drift.evidence
where policy_drift.scoring_run_id = cast($scoring_run_id as uuid) and policy_drift.is_drifted
order by nearest.subject, policy_drift.stability_index / policy_drift.alarm_from desc, policy_drift.measure
