-- List the histograms of a policy's evidence.
select evidence, measure, counts, critical
from policy_histograms
where policy_number = $policy_number
order by evidence, measure
