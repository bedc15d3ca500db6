-- question: How many digits of a run does a policy accept without review, and how many of those are wrong?
-- grain: One row per decision, over the run's digits and the blank cells on pages that hold any of them.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param policy: policy number, or 'latest' for the policy in force for the model version (default: latest)
-- column decision: accept, review, not_a_digit or blank
-- column digits: digits or blank cells with this decision
-- column digits_pct: percentage of the run's digits, null for blank cells
-- column sampled: digits in review only because the random sample contains them
-- column digits_with_truth: digits with a known truth
-- column errors: misread digits, null if no truth is known
-- column error_pct: percentage of digits with a known truth that were misread, null if no truth is known
-- column policy_number: policy that decides, null for blank cells and if the model version has no policy
-- column max_error: the policy's limit for the error rate of accepted digits, 0 to 1
-- column certainty: statistical certainty that the limit holds, 0 to 1
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
