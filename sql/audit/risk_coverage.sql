-- question: How many digits would each confidence threshold accept, and how many of those would be wrong?
-- grain: One row per threshold, over the run's digits with a known truth, strictest first.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column threshold: lowest confidence that is accepted, 0 to 1
-- column accepted: digits with a known truth that reach the threshold and have a not_a_digit score below 0.5
-- column coverage_pct: percentage of digits with a known truth that are accepted
-- column errors: accepted digits that were misread
-- column error_pct: percentage of accepted digits that were misread
with

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

-- Steps are those of policies: ten per power of ten of 1 - confidence. Step -1 is never accepted.
counted as (
    select
        case
            when coalesce(predictions.not_a_digit, 0) >= 0.5 then -1
            else least(
                40,
                cast(floor(-10 * log10(greatest(1 - cast(confidence as double), 1e-4))) as integer)
            )
        end as step,
        count(*) as digits,
        count(*) filter (where predictions.label <> predictions.truth) as errors
    from predictions
    inner join run_shards using (shard_score_id)
    where predictions.truth is not null
    group by step
),

steps as (
    select
        step,
        sum(digits) over stricter as accepted,
        sum(errors) over stricter as errors,
        sum(digits) over () as digits
    from counted
    window stricter as (order by step desc)
),

final as (
    select
        1 - pow(10, -step / 10) as threshold,
        cast(accepted as bigint) as accepted,
        round(100 * accepted / digits, 3) as coverage_pct,
        cast(errors as bigint) as errors,
        round(100 * errors / accepted, 4) as error_pct
    from steps
    where step >= 0
)

select threshold, accepted, coverage_pct, errors, error_pct
from final
order by threshold desc
