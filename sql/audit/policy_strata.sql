-- question: Which threshold does a policy have for each dataset or form, and on what evidence?
-- grain: One row per policy and stratum of its evidence.
-- param number: policy number, or 'all' (default: all)
-- column policy_number: number of the policy
-- column kind: dataset or form
-- column stratum: name of the dataset before the slash, or of the form
-- column basis: own threshold, general for too few labels, or refuted if errors exceed the limit
-- column threshold: lowest confidence that the policy accepts in the stratum, null if it accepts nothing
-- column labelled: labelled digits or fields of the stratum in the evidence
-- column accepted: labelled ones that reach the threshold
-- column coverage_pct: percentage of labelled ones that reach the threshold
-- column errors: accepted labelled ones that are misread
-- column error_bound: upper bound of their error rate, 0 to 1
-- column labelled_needed: approximate number needed for an own threshold, null if no number is known
with

final as (
    select
        policy_number,
        kind,
        stratum,
        basis,
        threshold,
        labelled,
        accepted,
        round(100 * accepted / nullif(labelled, 0), 2) as coverage_pct,
        errors,
        error_bound,
        labelled_needed
    from policy_strata
    where $number = 'all' or cast(policy_number as varchar) = $number
)

select
    policy_number, kind, stratum, basis, threshold, labelled, accepted, coverage_pct, errors, error_bound,
    labelled_needed
from final
order by policy_number, kind, stratum
