-- List the strata of a policy.
select kind, stratum, basis, threshold, labelled, accepted, errors, error_bound, labelled_needed
from policy_strata
where policy_number = $policy_number
order by kind, stratum
