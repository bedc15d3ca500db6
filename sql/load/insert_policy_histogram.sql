-- Insert the histogram of one measure over one group of a policy's evidence.
insert into policy_histograms (policy_number, evidence, measure, counts, critical)
values ($policy_number, $evidence, $measure, $counts, $critical)
