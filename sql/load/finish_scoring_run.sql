-- Mark a run as finished, with the policies in force and whether its drift holds it, unless it is marked
-- already.
update scoring_runs
set
    finished_at = $finished_at,
    is_held = (
        coalesce((select any_value(current_schedule.if_drift) = 'hold' from current_schedule), false)
        and exists (
            select drift.measure
            from drift
            where drift.scoring_run_id = $scoring_run_id and drift.is_drifted
        )
    ),
    digit_policy = (
        select policies_in_force.policy_number
        from policies_in_force
        where
            policies_in_force.subject = 'digit'
            and policies_in_force.model_name = scoring_runs.model_name
            and policies_in_force.model_version = scoring_runs.model_version
            and policies_in_force.precision = scoring_runs.precision
    ),
    field_policy = (
        select policies_in_force.policy_number
        from policies_in_force
        where
            policies_in_force.subject = 'field'
            and policies_in_force.model_name = scoring_runs.model_name
            and policies_in_force.model_version = scoring_runs.model_version
            and policies_in_force.precision = scoring_runs.precision
    )
where scoring_run_id = $scoring_run_id and finished_at is null
returning scoring_run_id
