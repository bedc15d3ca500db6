-- Count the digits of a run without a verdict, by the digit that was read: all, and the digits that no
-- policy accepts.
with

policy as (
    select policies_in_force.threshold, policies_in_force.not_a_digit_from
    from policies_in_force
    inner join scoring_runs using (model_name, model_version, precision)
    where
        scoring_runs.scoring_run_id = cast($scoring_run_id as uuid)
        and policies_in_force.subject = 'digit'
)

select
    predictions.label,
    count(*) as digits,
    count(*) filter (
        where
            not coalesce(predictions.confidence >= policy.threshold, false)
            or coalesce(predictions.not_a_digit >= coalesce(policy.not_a_digit_from, 0.5), false)
    ) as waiting
from predictions
inner join scoring_run_shards using (shard_score_id)
left join policy on true
anti join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id
where scoring_run_shards.scoring_run_id = cast($scoring_run_id as uuid)
group by predictions.label
order by predictions.label
