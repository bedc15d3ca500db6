-- question: How much of a run goes through unseen, by which policy, and how much of that is wrong?
-- grain: One row per decision on the run's digits, and on the blank cells of pages that it read a digit of.
-- param run: scoring run id, its beginning, or 'latest' (default: latest)
-- param policy: number of a policy, or 'latest': the one in force for the run's version (default: latest)
-- column decision: accept, review, not_a_digit or blank
-- column digits: digits, or blank cells
-- column digits_pct: their share of the run's digits, null of blank cells
-- column sampled: of those for review, how many only by the draw
-- column digits_with_truth: digits of known truth
-- column errors: of those, how many were misread, null where no truth is known
-- column error_pct: their share, null where no truth is known
-- column policy_number: policy that decides, null where the version has none
-- column max_error: the policy's target, 0 to 1
-- column certainty: the policy's certainty, 0 to 1
with

counts as (
    select
        decision,
        count(*) as digits,
        count(*) filter (where decision = 'review' and is_sure) as sampled,
        count(truth) as digits_with_truth,
        count(*) filter (where truth <> label) as errors,
        any_value(policy_number) as policy_number,
        any_value(max_error) as max_error,
        any_value(certainty) as certainty
    from run_decisions(cast($run as uuid), $policy)
    group by decision
    union all
    select
        'blank' as decision,
        count(*) as digits,
        0 as sampled,
        0 as digits_with_truth,
        0 as errors,
        null as policy_number,
        null as max_error,
        null as certainty
    from cells
    inner join run_pages(cast($run as uuid)) using (page_id)
    where cells.state = 'blank'
    having count(*) > 0
),

final as (
    select
        decision,
        digits,
        case
            when decision <> 'blank'
                then round(100 * digits / sum(digits) over (partition by decision = 'blank'), 2)
        end as digits_pct,
        sampled,
        digits_with_truth,
        if(digits_with_truth = 0, null, errors) as errors,
        round(100 * errors / nullif(digits_with_truth, 0), 3) as error_pct,
        policy_number,
        max_error,
        certainty
    from counts
)

select
    decision, digits, digits_pct, sampled, digits_with_truth, errors, error_pct, policy_number, max_error,
    certainty
from final
order by decision
