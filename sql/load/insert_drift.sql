-- Compare a run with the reference of its model version. A run that was compared before is not changed.
-- The population stability index is the sum over bins of (p - q) ln(p / q). Each bin gets half a digit more,
-- so that the logarithm of an empty bin exists. Under chance alone, the index is approximately chi-squared
-- with (bins - 1) degrees of freedom, times 1/n + 1/m. An alarm needs an index above $least and above the
-- value that chance exceeds once in a thousand times.
insert into drift (
    scoring_run_id, measure, digits, reference_digits, stability_index, kolmogorov_smirnov, alarm_from,
    is_drifted, measured_at
)
with

run as (
    select scoring_run_id, model_name, model_version
    from scoring_runs
    where scoring_run_id = $scoring_run_id
),

found as (
    select
        run_histograms.measure,
        unnest(range(len(run_histograms.counts))) as bin,
        unnest(run_histograms.counts) as digits
    from run_histograms
    inner join run using (scoring_run_id)
),

paired as (
    select
        drift_references.measure,
        drift_references.bin,
        drift_references.critical,
        cast(coalesce(found.digits, 0) as double) as found_digits,
        cast(drift_references.digits as double) as reference_digits,
        sum(coalesce(found.digits, 0)) over measures as found_total,
        sum(drift_references.digits) over measures as reference_total,
        count(*) over measures as bins
    from drift_references
    inner join run using (model_name, model_version)
    left join found using (measure, bin)
    window measures as (partition by drift_references.measure)
),

shares as (
    select
        measure,
        bin,
        critical,
        found_total,
        reference_total,
        (found_digits + 0.5) / (found_total + 0.5 * bins) as p,
        (reference_digits + 0.5) / (reference_total + 0.5 * bins) as q,
        abs(
            sum(found_digits / found_total) over (partition by measure order by bin)
            - sum(reference_digits / reference_total) over (partition by measure order by bin)
        ) as distance
    from paired
    where found_total > 0 and reference_total > 0
),

measures as (
    select
        measure,
        cast(any_value(found_total) as bigint) as digits,
        cast(any_value(reference_total) as bigint) as reference_digits,
        sum((p - q) * ln(p / q)) as stability_index,
        least(1.0, max(distance)) as kolmogorov_smirnov,
        greatest(
            $least, any_value(critical) * (1 / any_value(found_total) + 1 / any_value(reference_total))
        ) as alarm_from
    from shares
    group by measure
)

select
    $scoring_run_id as scoring_run_id,
    measure,
    digits,
    reference_digits,
    stability_index,
    kolmogorov_smirnov,
    alarm_from,
    stability_index > alarm_from as is_drifted,
    $measured_at as measured_at
from measures
on conflict do nothing
returning measure, stability_index, kolmogorov_smirnov, alarm_from, is_drifted
