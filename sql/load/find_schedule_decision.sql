-- Return the decision of a schedule for a time, if it decided for that time before.
select decision, reason, model_version
from schedule_decisions
where schedule_number = $schedule_number and considered_at = $considered_at
