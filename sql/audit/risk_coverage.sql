-- question: How much could be accepted unseen, and how much of that would be wrong?
-- grain: One row per confidence, over the run's digits of known truth, the strictest first.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- column threshold: confidence from which digits are accepted, 0 to 1
-- column accepted: digits of known truth that reach it, without those of not_a_digit 0.5 or more
-- column coverage_pct: their share of all digits of known truth
-- column errors: of those, how many were misread
-- column error_pct: their share
with

run_shards as (
    select shard_score_id
    from scoring_run_shards
    where scoring_run_id = cast($run as uuid)
),

-- A tenth of a power of ten of the doubt each, as policies have; what no threshold accepts is below all.
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
