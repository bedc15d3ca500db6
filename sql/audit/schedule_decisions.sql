-- question: When did the schedule train, when did it skip, and what was the outcome of each version?
-- grain: One row per decision of the retraining schedule, newest first.
-- param limit: maximum number of rows (default: 100)
-- column considered_at: time that the decision is for (UTC)
-- column decision: train or skip
-- column model_version: version that was trained, NAME/VERSION, null for skip
-- column reason: reason for the decision
-- column outcome: promote or refuse, null for skip
-- column outcome_reason: reason of the gate, null for skip
-- column new_labels: digits that people labelled since the last training
-- column drift_alarms: runs that drifted since the last training
-- column decided_at: time when the decision was recorded (UTC)
-- column actor: user on whose behalf the schedule runs
with

verdicts as (
    select model_name, model_version, action, reason
    from promotions
    where alias = 'champion' and action in ('promote', 'refuse')
    qualify promotion_number = min(promotion_number) over (partition by model_name, model_version)
),

final as (
    select
        schedule_decisions.decision_number,
        schedule_decisions.considered_at,
        schedule_decisions.decision,
        if(
            schedule_decisions.model_version is null,
            null,
            concat_ws('/', schedule_decisions.model_name, schedule_decisions.model_version)
        ) as model_version,
        schedule_decisions.reason,
        verdicts.action as outcome,
        verdicts.reason as outcome_reason,
        schedule_decisions.new_labels,
        schedule_decisions.drift_alarms,
        schedule_decisions.decided_at,
        schedule_decisions.actor
    from schedule_decisions
    left join verdicts
        on schedule_decisions.model_name = verdicts.model_name
        and schedule_decisions.model_version = verdicts.model_version
)

select
    considered_at, decision, model_version, reason, outcome, outcome_reason, new_labels, drift_alarms,
    decided_at, actor
from final
order by considered_at desc, decision_number desc
limit cast($limit as bigint)
