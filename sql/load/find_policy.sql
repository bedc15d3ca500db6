-- Return the subject of a policy, the model that it applies to, and the model of the run.
select
    policies.subject,
    concat(policies.model_name, '/', policies.model_version, ' in ', policies.precision) as reader,
    concat(
        scoring_runs.model_name, '/', scoring_runs.model_version, ' in ', scoring_runs.precision
    ) as reader_of_run
from policies
cross join scoring_runs
where
    cast(policies.policy_number as varchar) = $policy
    and scoring_runs.scoring_run_id = cast($run as uuid)
