-- Policies know how their evidence is distributed. A run that differs from it is held, whether or not there
-- is a retraining schedule: its readings wait for a person. All of this is views over a few small rows, so a
-- new policy judges earlier runs again without scoring.

alter table policies add column if_drift varchar;
alter table policies add column drift_from double;
alter table policies add column stratified_by varchar;

-- One row per policy, group of its evidence and measure: how many digits fall into each bin. The group `*`
-- is the whole evidence. Other groups are parts of it that support the policy alone.
create table policy_histograms (
    policy_number bigint not null,
    evidence varchar not null,
    measure varchar not null check (measure in ('class', 'confidence', 'doubt', 'ink', 'not_a_digit')),
    counts bigint[] not null,
    critical double not null check (critical > 0),
    primary key (policy_number, evidence, measure)
);

-- One row per policy and stratum of its evidence: the threshold for digits or fields of this stratum.
create table policy_strata (
    policy_number bigint not null,
    kind varchar not null check (kind in ('dataset', 'form')),
    stratum varchar not null,
    basis varchar not null check (basis in ('own', 'general', 'refuted')),
    threshold float check (threshold between 0 and 1),
    labelled bigint not null,
    accepted bigint not null,
    errors bigint not null,
    error_bound double not null check (error_bound between 0 and 1),
    labelled_needed bigint,
    primary key (policy_number, kind, stratum),
    check (errors <= accepted and accepted <= labelled)
);

-- One row per run and measure: how many digits fall into each bin.
create table run_histograms (
    scoring_run_id uuid not null,
    measure varchar not null check (measure in ('class', 'confidence', 'doubt', 'ink', 'not_a_digit')),
    counts bigint[] not null,
    primary key (scoring_run_id, measure)
);

-- The same, counted from the predictions. A doubt is a confidence below 0.98, or a refusal. The bins in
-- Python must match these.
create view prediction_histograms as
with

-- Read the predictions once; the later steps add up a few hundred rows.
counted as (
    select
        scoring_run_shards.scoring_run_id,
        cast(predictions.label as integer) as class_bin,
        confidence_bin(predictions.confidence) as confidence_bin,
        predictions.not_a_digit is null as has_no_refusal,
        coalesce(predictions.not_a_digit >= 0.5, false) as is_refused,
        count(*) as digits
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    group by all
),

ink as (
    select
        scoring_run_shards.scoring_run_id,
        unnest(range(len(shard_scores.ink_counts))) as bin,
        unnest(shard_scores.ink_counts) as digits
    from scoring_run_shards
    inner join shard_scores using (shard_score_id)
),

found as (
    select scoring_run_id, 'class' as measure, class_bin as bin, digits
    from counted
    union all
    select scoring_run_id, 'confidence' as measure, confidence_bin as bin, digits
    from counted
    union all
    select scoring_run_id, 'doubt' as measure, if(confidence_bin < 5 or is_refused, 1, 0) as bin, digits
    from counted
    union all
    select scoring_run_id, 'not_a_digit' as measure, if(is_refused, 1, 0) as bin, digits
    from counted
    where not has_no_refusal
    union all
    select scoring_run_id, 'ink' as measure, cast(bin as integer) as bin, digits
    from ink
),

totals as (
    select scoring_run_id, measure, map_from_entries(list((bin, digits))) as digits_of_bin
    from (
        select scoring_run_id, measure, bin, sum(digits) as digits
        from found
        group by scoring_run_id, measure, bin
    )
    group by scoring_run_id, measure
)

select
    scoring_run_id,
    measure,
    list_transform(
        range(
            case measure
                when 'doubt' then 2
                when 'not_a_digit' then 2
                when 'ink' then 15
                else 10
            end
        ),
        lambda bin: cast(coalesce(digits_of_bin[cast(bin as integer)], 0) as bigint)
    ) as counts
from totals;

-- Share of a bin. Each bin gets half a digit more, so that the logarithm of an empty bin exists.
create macro bin_share(counts, bin) as
    (counts[bin] + 0.5) / (list_sum(counts) + 0.5 * len(counts));

-- Population stability index: the sum over bins of (p - q) ln(p / q).
create macro stability_index(counts, reference) as
    list_sum(
        list_transform(
            range(1, len(reference) + 1),
            lambda bin: (bin_share(counts, bin) - bin_share(reference, bin))
                * ln(bin_share(counts, bin) / bin_share(reference, bin))
        )
    );

-- Index of two bins if the second grows from a share to one and a fifth of it.
create macro index_of_a_fifth_more(share) as
    (least(1.2 * share, 0.999) - share)
    * (
        ln(least(1.2 * share, 0.999) / share)
        - ln((1 - least(1.2 * share, 0.999)) / (1 - share))
    );

-- The newest policy per model version, precision and subject.
create or replace view policies_in_force as
select
    policy_number,
    subject,
    model_name,
    model_version,
    precision,
    threshold,
    not_a_digit_from,
    review_rate,
    review_seed,
    max_error,
    certainty,
    if_drift,
    drift_from,
    recorded_at
from policies
qualify policy_number = max(policy_number) over (partition by subject, model_name, model_version, precision);

-- One row per finished run, policy in force, group of the policy's evidence and measure: how far the run
-- differs. If the run's dataset has a threshold of its own, only the evidence of this threshold counts. The
-- evidence of a stratum with a stricter threshold than the general one counts only for runs of this stratum,
-- because other runs have the general one. Chance alone exceeds alarm_from once in a thousand times. Doubts
-- only raise an alarm if there are more.
create view policy_drift as
with

compared as (
    select
        scoring_runs.scoring_run_id,
        scoring_runs.dataset,
        policies_in_force.subject,
        policies_in_force.policy_number,
        policies_in_force.if_drift,
        policies_in_force.drift_from,
        policy_histograms.evidence,
        policy_histograms.measure,
        policy_histograms.critical,
        run_histograms.counts,
        policy_histograms.counts as reference,
        list_sum(run_histograms.counts) as digits,
        list_sum(policy_histograms.counts) as reference_digits
    from scoring_runs
    inner join policies_in_force using (model_name, model_version, precision)
    left join policy_strata
        on policies_in_force.policy_number = policy_strata.policy_number
        and policy_strata.kind = 'dataset'
        and policy_strata.stratum = split_part(scoring_runs.dataset, '/', 1)
        and policy_strata.basis = 'own'
    inner join policy_histograms
        on policies_in_force.policy_number = policy_histograms.policy_number
        and (policy_strata.stratum is null or policy_histograms.evidence = policy_strata.stratum)
    left join policy_strata as strata_of_evidence
        on policy_histograms.policy_number = strata_of_evidence.policy_number
        and policy_histograms.evidence = strata_of_evidence.stratum
    inner join run_histograms
        on scoring_runs.scoring_run_id = run_histograms.scoring_run_id
        and policy_histograms.measure = run_histograms.measure
    where
        policy_strata.stratum is not null
        or strata_of_evidence.stratum is null
        or strata_of_evidence.threshold <= policies_in_force.threshold
        or (
            strata_of_evidence.kind = 'form'
            and (scoring_runs.dataset, strata_of_evidence.stratum) in (
                select (dataset, form)
                from pages
                where form in (select stratum from policy_strata where kind = 'form')
            )
        )
)

select
    scoring_run_id,
    dataset,
    subject,
    policy_number,
    if_drift,
    evidence,
    measure,
    cast(digits as bigint) as digits,
    cast(reference_digits as bigint) as evidence_digits,
    stability_index(counts, reference) as stability_index,
    greatest(
        if(measure = 'doubt', index_of_a_fifth_more(bin_share(reference, 2)), drift_from),
        critical * (1 / digits + 1 / reference_digits)
    ) as alarm_from,
    stability_index > alarm_from
    and (measure <> 'doubt' or counts[2] / digits > reference[2] / reference_digits) as is_drifted
from compared
where digits > 0 and reference_digits > 0;

-- One row per run that is held. Digits wait because of the policy for digits, fields because of the policy
-- that decides on fields. A run that resembles any group of the evidence is not held. A run that is not
-- compared yet is held: it is under way, or some of its shards were rejected. A policy from before this
-- release has no stored evidence: the drift from the training digits counts, if the retraining schedule said
-- so when the run finished, until a newer policy for digits.
create or replace view held_runs as
with

groups as (
    select
        scoring_run_id,
        subject,
        policy_number,
        evidence,
        bool_or(is_drifted) as is_drifted,
        string_agg(measure, ', ' order by measure) filter (where is_drifted) as measures,
        max(stability_index / alarm_from) as excess
    from policy_drift
    where if_drift = 'hold'
    group by scoring_run_id, subject, policy_number, evidence
),

differences as (
    select
        scoring_run_id,
        subject,
        concat(
            'drift: the run differs from the evidence of policy ',
            policy_number,
            ' in ',
            arg_min(measures, (excess, evidence))
        ) as reason
    from groups
    group by scoring_run_id, subject, policy_number
    having bool_and(is_drifted)
),

compared_runs as (
    select distinct scoring_run_id
    from run_histograms
),

judged as (
    select
        scoring_runs.scoring_run_id,
        if(
            scoring_runs.is_held
            and coalesce(digit_policies.recorded_at <= scoring_runs.finished_at, true),
            'drift: the run differs from the training digits',
            null
        ) as former_reason,
        case
            when digit_policies.drift_from is null then former_reason
            when compared_runs.scoring_run_id is null and digit_policies.if_drift = 'hold'
                then concat(
                    'drift: the run is not compared with the evidence of policy ',
                    digit_policies.policy_number,
                    ' yet'
                )
            else digit_differences.reason
        end as digit_reason,
        case
            when field_policies.policy_number is null then digit_reason
            when field_policies.drift_from is null then former_reason
            when compared_runs.scoring_run_id is null and field_policies.if_drift = 'hold'
                then concat(
                    'drift: the run is not compared with the evidence of policy ',
                    field_policies.policy_number,
                    ' yet'
                )
            else field_differences.reason
        end as field_reason
    from scoring_runs
    left join compared_runs on scoring_runs.scoring_run_id = compared_runs.scoring_run_id
    left join policies_in_force as digit_policies
        on digit_policies.subject = 'digit'
        and scoring_runs.model_name = digit_policies.model_name
        and scoring_runs.model_version = digit_policies.model_version
        and scoring_runs.precision = digit_policies.precision
    left join policies_in_force as field_policies
        on field_policies.subject = 'field'
        and scoring_runs.model_name = field_policies.model_name
        and scoring_runs.model_version = field_policies.model_version
        and scoring_runs.precision = field_policies.precision
    left join differences as digit_differences
        on digit_differences.subject = 'digit'
        and scoring_runs.scoring_run_id = digit_differences.scoring_run_id
    left join differences as field_differences
        on field_differences.subject = 'field'
        and scoring_runs.scoring_run_id = field_differences.scoring_run_id
)

select scoring_run_id, digit_reason, field_reason
from judged
where digit_reason is not null or field_reason is not null;

-- The sha256 of each event's content as the chain covers it since this release: also a policy's answer to
-- drift, its strata and the histograms of its evidence. Older events keep their sha256.
create or replace view chain_events as
with

digit_details as (
    select
        cast(batch_id as varchar) as subject,
        string_agg(
            concat(link_text(review_number), link_text(mode), link_text(seconds)),
            chr(10)
            order by review_number
        ) as details
    from reviews
    where mode is not null
    group by batch_id
),

field_batches as (
    select
        cast(batch_id as varchar) as subject,
        string_agg(
            concat(
                link_text(review_number),
                link_text(field_id),
                link_text(page_id),
                link_text(verdict),
                link_text(value),
                link_text(has_all_digits),
                link_text(note),
                link_text(mode),
                link_text(seconds),
                link_text(epoch_us(reviewed_at)),
                link_text(actor)
            ),
            chr(10)
            order by review_number
        ) as content
    from field_reviews
    group by batch_id
),

digit_batches as (
    select subject, content_sha256
    from chain_contents
    where kind = 'reviews'
),

items_drawn as (
    select
        sample_id,
        string_agg(
            concat(
                link_text(item_number),
                link_text(scoring_run_id),
                link_text(dataset),
                link_text(form),
                link_text(field),
                link_text(field_id),
                link_text(page_id),
                link_text(digit_id),
                link_text(shard_score_id),
                link_text(shard_fingerprint),
                link_text(value_read),
                link_text(value_corrected)
            ),
            chr(10)
            order by item_number
        ) as content
    from blind_items
    group by sample_id
),

strata_set as (
    select
        policy_number,
        string_agg(
            concat(
                link_text(kind),
                link_text(stratum),
                link_text(basis),
                link_text(threshold),
                link_text(labelled),
                link_text(accepted),
                link_text(errors),
                link_text(error_bound),
                link_text(labelled_needed)
            ),
            chr(10)
            order by kind, stratum
        ) as content
    from policy_strata
    group by policy_number
),

histograms_set as (
    select
        policy_number,
        string_agg(
            concat(
                link_text(evidence),
                link_text(measure),
                link_text(array_to_string(counts, ',')),
                link_text(critical)
            ),
            chr(10)
            order by evidence, measure
        ) as content
    from policy_histograms
    group by policy_number
)

select kind, subject, content_sha256
from chain_contents
where kind not in ('run', 'reviews', 'policy')
union all
select
    chain_contents.kind,
    chain_contents.subject,
    if(
        -- A policy of an earlier release has none of these; if someone adds some, its sha256 changes.
        policies.if_drift is null
        and policies.drift_from is null
        and policies.stratified_by is null
        and strata_set.content is null
        and histograms_set.content is null,
        chain_contents.content_sha256,
        sha256(
            concat(
                link_text(chain_contents.content_sha256),
                link_text(policies.if_drift),
                link_text(policies.drift_from),
                link_text(policies.stratified_by),
                link_text(array_to_string(policies.evidence_datasets, ',')),
                link_text(strata_set.content),
                link_text(histograms_set.content)
            )
        )
    ) as content_sha256
from chain_contents
inner join policies on chain_contents.subject = cast(policies.policy_number as varchar)
left join strata_set on policies.policy_number = strata_set.policy_number
left join histograms_set on policies.policy_number = histograms_set.policy_number
where chain_contents.kind = 'policy'
union all
select
    chain_contents.kind,
    chain_contents.subject,
    if(
        scoring_runs.digit_policy is null and scoring_runs.field_policy is null,
        chain_contents.content_sha256,
        sha256(
            concat(
                link_text(chain_contents.content_sha256),
                link_text(scoring_runs.digit_policy),
                link_text(scoring_runs.field_policy)
            )
        )
    ) as content_sha256
from chain_contents
inner join scoring_runs on chain_contents.subject = cast(scoring_runs.scoring_run_id as varchar)
where chain_contents.kind = 'run'
union all
select
    'reviews' as kind,
    subject,
    if(
        digit_details.details is null and field_batches.content is null,
        digit_batches.content_sha256,
        sha256(
            concat(
                link_text(digit_batches.content_sha256),
                link_text(digit_details.details),
                link_text(field_batches.content)
            )
        )
    ) as content_sha256
from digit_batches
left join digit_details using (subject)
full join field_batches using (subject)
union all
select
    'reviews' as kind,
    cast(undo_id as varchar) as subject,
    sha256(
        concat(link_text(undo_id), link_text(batch_id), link_text(epoch_us(undone_at)), link_text(actor))
    ) as content_sha256
from review_undos
union all
select
    'reviews' as kind,
    cast(blind_samples.sample_id as varchar) as subject,
    sha256(
        concat(
            link_text(blind_samples.sample_id),
            link_text(blind_samples.name),
            link_text(blind_samples.kind),
            link_text(blind_samples.scoring_run_id),
            link_text(blind_samples.form),
            link_text(blind_samples.field),
            link_text(blind_samples.reason),
            link_text(blind_samples.size),
            link_text(blind_samples.seed),
            link_text(epoch_us(blind_samples.created_at)),
            link_text(blind_samples.actor),
            link_text(items_drawn.content)
        )
    ) as content_sha256
from blind_samples
left join items_drawn using (sample_id)
union all
select
    'reviews' as kind,
    cast(batch_id as varchar) as subject,
    sha256(
        concat(
            link_text(answer_number),
            link_text(batch_id),
            link_text(sample_id),
            link_text(item_number),
            link_text(attempt),
            link_text(answer),
            link_text(seconds),
            link_text(epoch_us(answered_at)),
            link_text(actor)
        )
    ) as content_sha256
from blind_answers;

comment on table policy_histograms is
    'One row per policy, group of its evidence and measure: counts per bin.';
comment on table policy_strata is 'One row per policy and stratum of its evidence: the threshold there.';
comment on table run_histograms is 'One row per run and measure: counts per bin.';
comment on view prediction_histograms is 'One row per run and measure: counts per bin, from the predictions.';
comment on view policy_drift is
    'One row per run, policy in force, group of its evidence and measure: how far the run differs.';
comment on view held_runs is
    'One row per run whose readings wait for a person because it differs, or is not compared yet.';
comment on macro bin_share is 'Share of a bin of a histogram, with half a digit more in each bin.';
comment on macro stability_index is 'Population stability index of two histograms.';
comment on macro index_of_a_fifth_more is
    'Population stability index if a share grows by a fifth.';
comment on column policies.if_drift is
    'hold or accept: what happens to a run that differs from the evidence. Null in older policies.';
comment on column policies.drift_from is
    'Population stability index from which a difference counts. Null if the histograms are not stored.';
comment on column policies.stratified_by is 'Kind of the strata: dataset or form. Null without strata.';
comment on column policy_histograms.policy_number is 'Number of the policy.';
comment on column policy_histograms.evidence is
    'Group of the evidence: * for all, or a dataset, stratum or form that supports the policy alone.';
comment on column policy_histograms.measure is 'class, confidence, doubt, ink or not_a_digit.';
comment on column policy_histograms.counts is 'Number of digits in each bin.';
comment on column policy_histograms.critical is
    'Value of the statistic that chance alone exceeds once in a thousand times.';
comment on column policy_strata.policy_number is 'Number of the policy.';
comment on column policy_strata.kind is 'Kind of the stratum: dataset or form.';
comment on column policy_strata.stratum is 'Name of the dataset before the slash, or of the form.';
comment on column policy_strata.basis is
    'own, general if it has too few labels for a threshold of its own, or refuted.';
comment on column policy_strata.threshold is
    'Lowest confidence that is accepted in the stratum. Null if nothing is accepted.';
comment on column policy_strata.labelled is
    'Number of labelled digits or fields of the stratum in the evidence.';
comment on column policy_strata.accepted is 'Number of labelled ones that reach the threshold.';
comment on column policy_strata.errors is 'Number of accepted ones that were misread.';
comment on column policy_strata.error_bound is 'Upper bound of their error rate, 0 to 1.';
comment on column policy_strata.labelled_needed is
    'Number of labels needed for a threshold of its own. Null if it has one, or no number is enough.';
comment on column run_histograms.scoring_run_id is 'Id of the scoring run.';
comment on column run_histograms.measure is 'class, confidence, doubt, ink or not_a_digit.';
comment on column run_histograms.counts is 'Number of digits in each bin.';
comment on column prediction_histograms.scoring_run_id is 'Id of the scoring run.';
comment on column prediction_histograms.measure is 'class, confidence, doubt, ink or not_a_digit.';
comment on column prediction_histograms.counts is 'Number of digits in each bin.';
comment on column policies_in_force.if_drift is
    'hold or accept: what happens to a run that differs from the evidence. Null in older policies.';
comment on column policies_in_force.drift_from is
    'Population stability index from which a difference counts. Null if the histograms are not stored.';
comment on column policies_in_force.recorded_at is 'Time when the policy was set (UTC).';
comment on column policy_drift.scoring_run_id is 'Id of the scoring run.';
comment on column policy_drift.dataset is 'Dataset of the run, NAME/SPLIT.';
comment on column policy_drift.subject is 'Subject of the policy: digit or field.';
comment on column policy_drift.policy_number is 'Number of the policy in force.';
comment on column policy_drift.if_drift is
    'hold or accept: what happens to a run that differs from the evidence.';
comment on column policy_drift.evidence is
    'Group of the evidence: * for all, or a dataset, stratum or form that supports the policy alone.';
comment on column policy_drift.measure is 'class, confidence, doubt, ink or not_a_digit.';
comment on column policy_drift.digits is 'Number of digits of the run that were compared.';
comment on column policy_drift.evidence_digits is 'Number of digits of the evidence.';
comment on column policy_drift.stability_index is
    'Population stability index between the run and the evidence.';
comment on column policy_drift.alarm_from is
    'Index above which the run counts as different, given the numbers of digits.';
comment on column policy_drift.is_drifted is 'True if the run differs from the evidence in this measure.';
comment on column held_runs.scoring_run_id is 'Id of the scoring run.';
comment on column held_runs.digit_reason is
    'Reason why digits of the run wait. Null if they follow the policy.';
comment on column held_runs.field_reason is
    'Reason why fields of the run wait. Null if they follow the policy.';
comment on view policies_in_force is 'One row per subject, model version and precision: the newest policy.';
comment on column policies_in_force.policy_number is 'Number of the policy.';
comment on column policies_in_force.subject is 'Subject of the policy: digit or field.';
comment on column policies_in_force.model_name is 'Name of the registered model.';
comment on column policies_in_force.model_version is 'Version of the model.';
comment on column policies_in_force.precision is 'Arithmetic of the model: float32 or fast.';
comment on column policies_in_force.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column policies_in_force.not_a_digit_from is
    'Lowest not_a_digit score at which a reading is refused.';
comment on column policies_in_force.review_rate is 'Share of accepted readings in the review sample, 0 to 1.';
comment on column policies_in_force.review_seed is 'Seed of the review sample.';
comment on column policies_in_force.max_error is 'Limit for the error rate of accepted readings, 0 to 1.';
comment on column policies_in_force.certainty is 'Statistical certainty that the limit holds, 0 to 1.';
comment on view chain_events is
    'One row per event of the audit chain, with the sha256 of its current content.';
comment on column chain_events.kind is 'Kind of event: version, promotion, policy, run or reviews.';
comment on column chain_events.subject is 'Number or id of the event.';
comment on column chain_events.content_sha256 is 'Sha256 of the event''s content.';
