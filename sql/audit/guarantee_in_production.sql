-- question: Do policies keep their error limit, judging by the reviewed sample of accepted digits?
-- grain: One row per policy with reviewed digits in its sample.
-- column policy_number: number of the policy
-- column model_version: model version that the policy applies to, NAME/VERSION
-- column is_in_force: true if the policy is the newest for its model version, precision and subject
-- column max_error_pct: limit for the error rate of accepted digits, percent
-- column sampled: sampled digits that people reviewed and could read
-- column errors: sampled digits that were misread
-- column error_pct: percentage of sampled digits that were misread
with

latest_reviews as (
    select digit_id, verdict
    from digit_verdicts
),

sampled as (
    select
        policies.policy_number,
        policies.model_name,
        policies.model_version,
        policies.max_error,
        policies.policy_number = (
            select max(others.policy_number)
            from policies as others
            where
                others.subject = policies.subject
                and others.model_name = policies.model_name
                and others.model_version = policies.model_version
                and others.precision = policies.precision
        ) as is_in_force,
        latest_reviews.verdict <> cast(predictions.label as varchar) as is_wrong
    from latest_reviews
    inner join predictions using (digit_id)
    inner join shard_scores using (shard_score_id)
    inner join policies
        on shard_scores.model_name = policies.model_name
        and shard_scores.model_version = policies.model_version
        and shard_scores.precision = policies.precision
    where
        policies.subject = 'digit'
        and latest_reviews.verdict <> 'unreadable'
        and predictions.confidence >= policies.threshold
        and coalesce(predictions.not_a_digit < policies.not_a_digit_from, true)
        and is_sampled(predictions.digit_id, policies.review_rate, policies.review_seed)
),

final as (
    select
        policy_number,
        concat_ws('/', model_name, model_version) as model_version,
        is_in_force,
        100 * max_error as max_error_pct,
        count(*) as sampled,
        count(*) filter (where is_wrong) as errors,
        round(100.0 * count(*) filter (where is_wrong) / count(*), 3) as error_pct
    from sampled
    group by policy_number, model_name, model_version, is_in_force, max_error
)

select policy_number, model_version, is_in_force, max_error_pct, sampled, errors, error_pct
from final
order by policy_number
