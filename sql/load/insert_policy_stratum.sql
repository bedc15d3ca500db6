-- Insert one stratum of a policy.
insert into policy_strata (
    policy_number, kind, stratum, basis, threshold, labelled, accepted, errors, error_bound, labelled_needed
)
values (
    $policy_number, $kind, $stratum, $basis, $threshold, $labelled, $accepted, $errors, $error_bound,
    $labelled_needed
)
