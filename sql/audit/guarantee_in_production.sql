-- question: Do policies keep their error limit, judging by the reviewed sample of accepted digits?
-- grain: One row per policy with reviewed digits in its sample.
-- column policy_number: number of the policy
-- column model_version: model version that the policy applies to, NAME/VERSION
-- column is_in_force: true if the policy is the newest of its kind for the champion and decides by default
-- column max_error_pct: limit for the error rate of accepted digits, percent
-- column sampled: sampled digits that people reviewed and could read, without those of runs held now
-- column errors: sampled digits that were misread
-- column error_pct: percentage of sampled digits that were misread
with

latest_reviews as (
    select digit_id, verdict
    from digit_verdicts
),

newest as (
    select max(policy_number) as policy_number
    from policies
    group by subject, model_name, model_version, precision
),

champions as (
    select model_name, model_version
    from champion_history
    where ended_at is null
),

datasets_of_shards as (
    select
        scoring_run_shards.shard_score_id,
        arg_max(scoring_runs.dataset, scoring_runs.started_at) as dataset,
        bool_and(held_runs.digit_reason is not null) as is_held
    from scoring_run_shards
    inner join scoring_runs on scoring_run_shards.scoring_run_id = scoring_runs.scoring_run_id
    left join held_runs on scoring_run_shards.scoring_run_id = held_runs.scoring_run_id
    group by scoring_run_shards.shard_score_id
),

sampled as (
    select
        policies.policy_number,
        policies.model_name,
        policies.model_version,
        policies.max_error,
        newest.policy_number is not null
        and coalesce(policies.model_version = champions.model_version, true) as is_in_force,
        latest_reviews.verdict <> cast(predictions.label as varchar) as is_wrong
    from latest_reviews
    inner join predictions using (digit_id)
    inner join shard_scores using (shard_score_id)
    inner join policies
        on shard_scores.model_name = policies.model_name
        and shard_scores.model_version = policies.model_version
        and shard_scores.precision = policies.precision
    left join newest on policies.policy_number = newest.policy_number
    left join champions on policies.model_name = champions.model_name
    left join datasets_of_shards on shard_scores.shard_score_id = datasets_of_shards.shard_score_id
    left join form_thresholds
        on predictions.digit_id = form_thresholds.digit_id
        and datasets_of_shards.dataset = form_thresholds.dataset
        and policies.policy_number = form_thresholds.policy_number
    left join policy_strata
        on policies.policy_number = policy_strata.policy_number
        and policy_strata.kind = 'dataset'
        and policy_strata.stratum = split_part(datasets_of_shards.dataset, '/', 1)
    where
        policies.subject = 'digit'
        and latest_reviews.verdict <> 'unreadable'
        and predictions.confidence
        >= case
            when form_thresholds.digit_id is not null then form_thresholds.threshold
            when policy_strata.stratum is not null then policy_strata.threshold
            else policies.threshold
        end
        and coalesce(predictions.not_a_digit < policies.not_a_digit_from, true)
        -- The newest policy accepts nothing in a held run, so its promise does not cover these digits.
        and not (newest.policy_number is not null and coalesce(datasets_of_shards.is_held, false))
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
