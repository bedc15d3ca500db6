-- Number of images in each bin of ink, over the shard or an even sample of it. Python defines the bins.
alter table shard_scores add column ink_counts bigint[];

-- One row per model version, measure and bin: the distribution of the version's validation digits.
-- `critical` is the value of the statistic that chance alone exceeds once in a thousand times.
create table drift_references (
    model_name varchar not null,
    model_version integer not null,
    measure varchar not null check (measure in ('class', 'confidence', 'ink', 'not_a_digit')),
    bin integer not null,
    lower_end double not null,
    digits bigint not null,
    critical double not null,
    primary key (model_name, model_version, measure, bin)
);

-- One row per finished run and measure: the distance of the run from the version's reference.
create table drift (
    scoring_run_id uuid not null,
    measure varchar not null,
    digits bigint not null,
    reference_digits bigint not null,
    stability_index double not null,
    kolmogorov_smirnov double not null check (kolmogorov_smirnov between 0 and 1),
    alarm_from double not null,
    is_drifted boolean not null,
    measured_at timestamptz not null,
    primary key (scoring_run_id, measure)
);

-- Number of the bin that contains a confidence. The bins in Python must match these.
create macro confidence_bin(confidence) as
    case
        when confidence >= 0.999::float then 9
        when confidence >= 0.998::float then 8
        when confidence >= 0.995::float then 7
        when confidence >= 0.99::float then 6
        when confidence >= 0.98::float then 5
        when confidence >= 0.95::float then 4
        when confidence >= 0.9::float then 3
        when confidence >= 0.8::float then 2
        when confidence >= 0.5::float then 1
        else 0
    end;
