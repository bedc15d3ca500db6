-- question: How much of a run goes through unseen, by which policy, and how much of that is wrong?
-- grain: One row per decision on the run's digits.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param policy: number of a policy, or 'latest': the one in force for the run's version (default: latest)
-- column decision: accept, review or not_a_digit
-- column digits: digits
-- column digits_pct: their share of the run
-- column sampled: of those for review, how many only by the draw
-- column digits_with_truth: digits of known truth
-- column errors: of those, how many were misread
-- column error_pct: their share, null where no truth is known
-- column policy_number: policy that decides, null where the version has none
-- column max_error: the policy's target, 0 to 1
-- column certainty: the policy's certainty, 0 to 1
with

run as (
    select model_name, model_version
    from scoring_runs
    where scoring_run_id = cast($run as uuid)
),

policy as (
    select
        policies.policy_number,
        policies.threshold,
        policies.not_a_digit_from,
        policies.review_rate,
        policies.review_seed,
        policies.max_error,
        policies.certainty
    from policies
    inner join run using (model_name, model_version)
    where
        policies.subject = 'digit'
        and ($policy = 'latest' or cast(policies.policy_number as varchar) = $policy)
    order by policies.policy_number desc
    limit 1
),

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

decided as (
    select
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            policy.threshold,
            policy.not_a_digit_from,
            policy.review_rate,
            policy.review_seed
        ) as decision,
        coalesce(predictions.confidence >= policy.threshold, false) as is_sure,
        predictions.truth,
        predictions.label
    from predictions
    inner join run_shards using (shard_score_id)
    left join policy on true
),

counts as (
    select
        decision,
        count(*) as digits,
        count(*) filter (where decision = 'review' and is_sure) as sampled,
        count(truth) as digits_with_truth,
        count(*) filter (where truth <> label) as errors
    from decided
    group by decision
),

final as (
    select
        counts.decision,
        counts.digits,
        round(100 * counts.digits / sum(counts.digits) over (), 2) as digits_pct,
        counts.sampled,
        counts.digits_with_truth,
        counts.errors,
        round(100 * counts.errors / nullif(counts.digits_with_truth, 0), 3) as error_pct,
        policy.policy_number,
        policy.max_error,
        policy.certainty
    from counts
    left join policy on true
)

select
    decision, digits, digits_pct, sampled, digits_with_truth, errors, error_pct, policy_number, max_error,
    certainty
from final
order by decision
