-- Decisions take the threshold of the stratum that a digit or field belongs to, if the policy has strata, and
-- nothing is accepted in a held run.

-- One row per run: the policy for digits that decides, its threshold for the run's dataset, and the reason
-- for a hold.
create view run_policies as
select
    scoring_runs.scoring_run_id,
    policies_in_force.policy_number,
    if(policy_strata.stratum is null, policies_in_force.threshold, policy_strata.threshold) as threshold,
    policies_in_force.not_a_digit_from,
    policies_in_force.review_rate,
    policies_in_force.review_seed,
    policies_in_force.max_error,
    policies_in_force.certainty,
    held_runs.digit_reason as hold_reason
from scoring_runs
left join policies_in_force
    on policies_in_force.subject = 'digit'
    and scoring_runs.model_name = policies_in_force.model_name
    and scoring_runs.model_version = policies_in_force.model_version
    and scoring_runs.precision = policies_in_force.precision
left join policy_strata
    on policies_in_force.policy_number = policy_strata.policy_number
    and policy_strata.kind = 'dataset'
    and policy_strata.stratum = split_part(scoring_runs.dataset, '/', 1)
left join held_runs on scoring_runs.scoring_run_id = held_runs.scoring_run_id;

-- One row per dataset, digit of a form, and policy that has the form as a stratum: the threshold there, by
-- the last reading of the page. It has no rows without such a policy, so decisions without strata cost
-- little more.
create view form_thresholds as
with

digits_on_forms as (
    select
        pages.dataset,
        cells.digit_id,
        arg_max(pages.form, (pages.read_at, pages.page_id)) as form
    from pages
    inner join cells using (page_id)
    where
        cells.digit_id is not null
        and pages.form in (select stratum from policy_strata where kind = 'form')
    group by pages.dataset, cells.digit_id
)

select
    digits_on_forms.dataset,
    digits_on_forms.digit_id,
    policy_strata.policy_number,
    policy_strata.threshold
from digits_on_forms
inner join policy_strata
    on policy_strata.kind = 'form'
    and digits_on_forms.form = policy_strata.stratum;

-- One row per prediction of a run, with the decision of a policy: its number as text, or 'latest' for the
-- policy in force for the run's model version. Without a policy, or if the run is held, every digit is for
-- review. A policy that is named by its number tells what it accepts even if the run is held.
create or replace macro run_decisions(run, chosen_policy) as table
with

chosen_run as (
    select scoring_run_id, dataset, model_name, model_version, precision
    from scoring_runs
    where scoring_run_id = find_run(run)
),

policy as (
    select
        policies.policy_number,
        if(policy_strata.stratum is null, policies.threshold, policy_strata.threshold) as threshold,
        cast(chosen_policy as varchar) = 'latest' and held_runs.digit_reason is not null as is_held,
        policies.not_a_digit_from,
        policies.review_rate,
        policies.review_seed,
        policies.max_error,
        policies.certainty
    from policies
    inner join chosen_run using (model_name, model_version, precision)
    left join policy_strata
        on policies.policy_number = policy_strata.policy_number
        and policy_strata.kind = 'dataset'
        and policy_strata.stratum = split_part(chosen_run.dataset, '/', 1)
    left join held_runs on chosen_run.scoring_run_id = held_runs.scoring_run_id
    where
        policies.subject = 'digit'
        and (
            cast(chosen_policy as varchar) = 'latest'
            or cast(policies.policy_number as varchar) = cast(chosen_policy as varchar)
        )
    order by policies.policy_number desc
    limit 1
),

-- The threshold of each digit of a form that the policy has as a stratum.
form_digits as (
    select form_thresholds.digit_id, form_thresholds.threshold
    from form_thresholds
    inner join chosen_run using (dataset)
    inner join policy using (policy_number)
)

select
    scoring_run_shards.shard_fingerprint,
    predictions.shard_score_id,
    predictions.digit_id,
    predictions.label,
    predictions.confidence,
    predictions.not_a_digit,
    predictions.truth,
    policy.policy_number,
    if(form_digits.digit_id is null, policy.threshold, form_digits.threshold) as threshold,
    policy.max_error,
    policy.certainty,
    not coalesce(policy.is_held, false)
    and coalesce(
        predictions.confidence
        >= if(form_digits.digit_id is null, policy.threshold, form_digits.threshold),
        false
    ) as is_sure,
    decide_digit(
        predictions.digit_id,
        predictions.confidence,
        predictions.not_a_digit,
        case
            when policy.is_held then null
            when form_digits.digit_id is null then policy.threshold
            else form_digits.threshold
        end,
        policy.not_a_digit_from,
        policy.review_rate,
        policy.review_seed
    ) as decision
from predictions
inner join scoring_run_shards using (shard_score_id)
semi join chosen_run on scoring_run_shards.scoring_run_id = chosen_run.scoring_run_id
left join policy on true
left join form_digits on predictions.digit_id = form_digits.digit_id;

-- One row per field and reader: the value read, the decision of the policies in force, and the final value.
create or replace view field_values as
with

revisions as (
    select
        page_revisions.page_id,
        page_revisions.model_name,
        page_revisions.model_version,
        page_revisions.preprocessing_fingerprint,
        page_revisions.precision,
        page_revisions.revision_number
    from page_revisions
    qualify page_revisions.revision_number = max(page_revisions.revision_number) over (
        partition by
            page_revisions.page_id,
            page_revisions.model_name,
            page_revisions.model_version,
            page_revisions.preprocessing_fingerprint,
            page_revisions.precision
    )
),

revised as (
    select
        revisions.model_name,
        revisions.model_version,
        revisions.preprocessing_fingerprint,
        revisions.precision,
        revised_values.field_id,
        revised_values.status,
        revised_values.value,
        revised_values.broken_rule,
        revised_values.reason,
        revised_values.reviewed_positions,
        revised_values.is_settled,
        revised_values.reviewed_by,
        revised_values.reviewed_at
    from revisions
    inner join revised_values using (revision_number)
),

digit_policies as (
    select policies_in_force.*
    from policies_in_force
    where policies_in_force.subject = 'digit'
),

field_policies as (
    select
        policies_in_force.*,
        policies.calibration_slope,
        policies.calibration_offset
    from policies_in_force
    inner join policies using (policy_number)
    where policies_in_force.subject = 'field'
),

joined as (
    select
        values_read.field_id,
        values_read.page_id,
        values_read.model_name,
        values_read.model_version,
        values_read.preprocessing_fingerprint,
        values_read.precision,
        values_read.scoring_run_id,
        values_read.raw_value as value_read,
        values_read.value as value_corrected,
        values_read.status as status_read,
        values_read.broken_rule as broken_rule_read,
        values_read.raw_probability,
        values_read.probability,
        values_read.posterior,
        values_read.confidence as confidence_read,
        nullif(
            concat_ws(
                '; ',
                values_read.reason,
                doubts_of_digits(
                    open_digits(values_read.cells_read, []),
                    digit_policies.policy_number is not null,
                    if(digit_strata.stratum is null, digit_policies.threshold, digit_strata.threshold),
                    digit_policies.not_a_digit_from
                )
            ),
            ''
        ) as reason_read,
        values_read.cells_read,
        revised.field_id is not null as is_revised,
        coalesce(revised.is_settled, false) as is_settled,
        revised.reviewed_by,
        revised.reviewed_at,
        if(is_revised, revised.status, values_read.status) as status,
        if(is_revised, revised.value, values_read.value) as value,
        if(is_revised, revised.broken_rule, values_read.broken_rule) as broken_rule,
        coalesce(revised.reviewed_positions, []) as reviewed_positions,
        open_digits(values_read.cells_read, revised.reviewed_positions) as digits_open,
        case
            when revised.reviewed_by is null then values_read.confidence
            when is_settled then 1.0
            else list_aggregate(
                list_transform(digits_open, lambda cell: cast(cell.confidence as double)), 'product'
            )
        end as confidence,
        if(
            is_settled,
            null,
            nullif(
                concat_ws(
                    '; ',
                    if(is_revised, revised.reason, values_read.reason),
                    doubts_of_digits(
                        digits_open,
                        digit_policies.policy_number is not null,
                        if(digit_strata.stratum is null, digit_policies.threshold, digit_strata.threshold),
                        digit_policies.not_a_digit_from
                    )
                ),
                ''
            )
        ) as doubts,
        digit_policies.policy_number as digit_policy,
        digit_policies.review_rate as digit_review_rate,
        digit_policies.review_seed as digit_review_seed,
        field_policies.policy_number as field_policy,
        if(field_strata.stratum is null, field_policies.threshold, field_strata.threshold)
            as field_threshold,
        field_policies.review_rate as field_review_rate,
        field_policies.review_seed as field_review_seed,
        field_policies.calibration_slope,
        field_policies.calibration_offset,
        coalesce(scoring_runs.finished_at, scoring_runs.started_at) as read_at
    from values_read
    left join revised
        on values_read.field_id = revised.field_id
        and values_read.model_name = revised.model_name
        and values_read.model_version = revised.model_version
        and values_read.preprocessing_fingerprint = revised.preprocessing_fingerprint
        and values_read.precision = revised.precision
    left join digit_policies
        on values_read.model_name = digit_policies.model_name
        and values_read.model_version = digit_policies.model_version
        and values_read.precision = digit_policies.precision
    left join field_policies
        on values_read.model_name = field_policies.model_name
        and values_read.model_version = field_policies.model_version
        and values_read.precision = field_policies.precision
    left join scoring_runs using (scoring_run_id)
    left join pages on values_read.page_id = pages.page_id
    left join policy_strata as digit_strata
        on digit_policies.policy_number = digit_strata.policy_number
        and digit_strata.stratum
        = if(digit_strata.kind = 'form', pages.form, split_part(pages.dataset, '/', 1))
    left join policy_strata as field_strata
        on field_policies.policy_number = field_strata.policy_number
        and field_strata.stratum
        = if(field_strata.kind = 'form', pages.form, split_part(pages.dataset, '/', 1))
),

-- A field policy decides on the confidence of the value. Without one, a digit policy decides on each digit.
decided as (
    select
        joined.*,
        case
            when is_settled or doubts is not null then null
            when status = 'blank' then null
            when field_policy is not null
                and not coalesce(cast(confidence as float) >= field_threshold, false)
                then printf('unsure: confidence %.2f of the value', confidence)
            when field_policy is not null and is_sampled(field_id, field_review_rate, field_review_seed)
                then 'sample: drawn to measure the error rate'
            when field_policy is not null then null
            when digit_policy is null
                then concat('no_policy: no policy accepts readings of ', model_name, '/', model_version)
            when has_sampled_digit(digits_open, digit_review_rate, digit_review_seed)
                then 'sample: drawn to measure the error rate'
        end as undecided
    from joined
)

select
    field_id,
    page_id,
    model_name,
    model_version,
    preprocessing_fingerprint,
    precision,
    scoring_run_id,
    value,
    status,
    case
        when reviewed_by is not null then concat('reviewed by ', reviewed_by)
        when status = 'corrected' then 'corrected by rule'
        else 'read'
    end as origin,
    case
        when is_settled then 'reviewed'
        when doubts is not null or undecided is not null then 'review'
        when status = 'blank' then 'blank'
        else 'accept'
    end as decision,
    coalesce(doubts, undecided) as reason,
    doubts is not null as is_doubtful,
    coalesce(reviewed_at, read_at) as decided_at,
    reviewed_by,
    reviewed_at,
    reviewed_positions,
    broken_rule,
    confidence,
    coalesce(field_policy, digit_policy) as policy_number,
    field_threshold as threshold,
    value_read,
    value_corrected,
    status_read,
    broken_rule_read,
    confidence_read,
    raw_probability,
    probability,
    posterior,
    reason_read,
    cells_read,
    calibration_slope,
    calibration_offset
from decided;

create or replace view field_readings as
select
    scoring_runs.scoring_run_id,
    scoring_runs.dataset,
    pages.page_id,
    pages.source,
    pages.source_sha256,
    pages.page,
    pages.form,
    pages.template,
    pages.read_at,
    fields.field_id,
    fields.field,
    fields.field_number,
    fields.box,
    fields.source_box,
    field_values.value,
    field_values.status,
    field_values.origin,
    if(
        field_values.decision = 'accept' and held_runs.field_reason is not null,
        'review',
        field_values.decision
    ) as decision,
    if(
        field_values.decision = 'accept' and held_runs.field_reason is not null,
        held_runs.field_reason,
        field_values.reason
    ) as reason,
    field_values.is_doubtful,
    field_values.decided_at,
    field_values.reviewed_by,
    field_values.reviewed_at,
    field_values.reviewed_positions,
    field_values.broken_rule,
    field_values.confidence,
    field_values.policy_number,
    field_values.threshold,
    field_values.value_read,
    field_values.value_corrected,
    field_values.status_read,
    field_values.broken_rule_read,
    field_values.confidence_read,
    field_values.raw_probability,
    field_values.probability,
    field_values.posterior,
    field_values.reason_read,
    field_values.cells_read,
    field_values.model_name,
    field_values.model_version,
    field_values.calibration_slope,
    field_values.calibration_offset
from scoring_runs
left join held_runs on scoring_runs.scoring_run_id = held_runs.scoring_run_id
inner join field_values
    on scoring_runs.model_name = field_values.model_name
    and scoring_runs.model_version = field_values.model_version
    and scoring_runs.preprocessing_fingerprint = field_values.preprocessing_fingerprint
    and scoring_runs.precision = field_values.precision
inner join fields on field_values.field_id = fields.field_id
inner join pages
    on field_values.page_id = pages.page_id
    and scoring_runs.dataset = pages.dataset;

create or replace view review_queue as
with

digits_waiting as (
    select
        current_runs.scoring_run_id,
        current_runs.dataset,
        scoring_run_shards.shard_fingerprint,
        predictions.shard_score_id,
        predictions.digit_id,
        predictions.label,
        predictions.confidence,
        predictions.truth,
        run_policies.policy_number,
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            if(run_policies.hold_reason is null, run_policies.threshold, null),
            coalesce(run_policies.not_a_digit_from, 0.5),
            run_policies.review_rate,
            run_policies.review_seed
        ) as decision,
        case
            when decision = 'not_a_digit' then printf('not_a_digit: score %.2f', predictions.not_a_digit)
            when run_policies.policy_number is null
                then concat(
                    'no_policy: no policy accepts readings of ',
                    current_runs.model_name,
                    '/',
                    current_runs.model_version
                )
            when run_policies.hold_reason is not null then run_policies.hold_reason
            when coalesce(predictions.confidence >= run_policies.threshold, false)
                then 'sample: drawn to measure the error rate'
            else printf('unsure: confidence %.2f', predictions.confidence)
        end as reason
    from current_runs
    inner join run_policies on current_runs.scoring_run_id = run_policies.scoring_run_id
    inner join scoring_run_shards on current_runs.scoring_run_id = scoring_run_shards.scoring_run_id
    inner join predictions using (shard_score_id)
    anti join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id
    anti join cells on predictions.digit_id = cells.digit_id
)

select
    'field' as kind,
    scoring_run_id,
    dataset,
    form,
    field,
    null as label,
    value,
    confidence,
    reason,
    source,
    page,
    null as "position",
    field_id,
    page_id,
    null as digit_id,
    null as shard_score_id,
    null as shard_fingerprint,
    false as has_label
from final_values
where decision = 'review'
union all
select
    'digit' as kind,
    digits_waiting.scoring_run_id,
    digits_waiting.dataset,
    null as form,
    null as field,
    digits_waiting.label,
    cast(digits_waiting.label as varchar) as value,
    digits_waiting.confidence,
    digits_waiting.reason,
    digits.source,
    digits.page,
    digits.position,
    null as field_id,
    null as page_id,
    digits_waiting.digit_id,
    digits_waiting.shard_score_id,
    digits_waiting.shard_fingerprint,
    digits_waiting.truth is not null as has_label
from digits_waiting
left join digits using (shard_fingerprint, digit_id)
where digits_waiting.decision <> 'accept';

create or replace view predictions_full as
with

-- Of a page that was read again with a corrected template, the last reading.
last_pages as (
    select page_id, dataset, form
    from pages
    where status = 'read'
    qualify row_number() over (
        partition by dataset, source_sha256, page order by read_at desc, page_id
    ) = 1
),

form_places as (
    select
        cells.digit_id,
        last_pages.dataset,
        last_pages.page_id,
        last_pages.form,
        cells.field_id,
        cells.box,
        cells.source_box
    from cells
    inner join last_pages using (page_id)
    where cells.digit_id is not null
)

select
    scoring_runs.scoring_run_id,
    scoring_runs.dataset,
    scoring_runs.model_name,
    scoring_runs.model_version,
    scoring_runs.precision,
    shard_scores.scored_at,
    shard_scores.actor as scored_by,
    scoring_run_shards.shard_fingerprint,
    predictions.shard_score_id,
    predictions.digit_id,
    predictions.label,
    predictions.confidence,
    predictions.not_a_digit,
    predictions.truth,
    predictions.label = predictions.truth as is_right,
    run_policies.policy_number,
    if(policy_strata.stratum is null, run_policies.threshold, policy_strata.threshold) as threshold,
    decide_digit(
        predictions.digit_id,
        predictions.confidence,
        predictions.not_a_digit,
        case
            when run_policies.hold_reason is not null then null
            when policy_strata.stratum is null then run_policies.threshold
            else policy_strata.threshold
        end,
        run_policies.not_a_digit_from,
        run_policies.review_rate,
        run_policies.review_seed
    ) as decision,
    digit_verdicts.verdict,
    digit_verdicts.actor as reviewed_by,
    digit_verdicts.reviewed_at,
    coalesce(digit_verdicts.verdict, cast(predictions.label as varchar)) as final_value,
    digits.source,
    digits.source_sha256,
    digits.page,
    digits.field,
    digits.position,
    digits.writer,
    form_places.form,
    form_places.box,
    form_places.source_box,
    form_places.page_id,
    form_places.field_id
from predictions
inner join scoring_run_shards using (shard_score_id)
inner join scoring_runs on scoring_run_shards.scoring_run_id = scoring_runs.scoring_run_id
inner join run_policies on scoring_runs.scoring_run_id = run_policies.scoring_run_id
left join shard_scores on predictions.shard_score_id = shard_scores.shard_score_id
left join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id
left join digits
    on scoring_run_shards.shard_fingerprint = digits.shard_fingerprint
    and predictions.digit_id = digits.digit_id
left join form_places
    on predictions.digit_id = form_places.digit_id
    and scoring_runs.dataset = form_places.dataset
left join policy_strata
    on run_policies.policy_number = policy_strata.policy_number
    -- Compared with 'form' alone, DuckDB 2.0 ignores a query's limit while the table is empty.
    and policy_strata.kind = if(form_places.form is null, null, 'form')
    and form_places.form = policy_strata.stratum;

create or replace view current_decisions as
select
    current_runs.scoring_run_id,
    current_runs.dataset,
    current_runs.model_name,
    current_runs.model_version,
    current_runs.precision,
    scoring_run_shards.shard_fingerprint,
    predictions.shard_score_id,
    predictions.digit_id,
    predictions.label,
    predictions.confidence,
    predictions.not_a_digit,
    predictions.truth,
    run_policies.policy_number,
    if(form_thresholds.digit_id is null, run_policies.threshold, form_thresholds.threshold) as threshold,
    if(
        digit_verdicts.verdict is not null,
        'reviewed',
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            case
                when run_policies.hold_reason is not null then null
                when form_thresholds.digit_id is null then run_policies.threshold
                else form_thresholds.threshold
            end,
            run_policies.not_a_digit_from,
            run_policies.review_rate,
            run_policies.review_seed
        )
    ) as decision,
    digit_verdicts.verdict,
    digit_verdicts.actor as reviewed_by,
    digit_verdicts.reviewed_at,
    coalesce(digit_verdicts.verdict, cast(predictions.label as varchar)) as final_value
from predictions
inner join scoring_run_shards using (shard_score_id)
inner join current_runs on scoring_run_shards.scoring_run_id = current_runs.scoring_run_id
inner join run_policies on current_runs.scoring_run_id = run_policies.scoring_run_id
left join form_thresholds
    on predictions.digit_id = form_thresholds.digit_id
    and current_runs.dataset = form_thresholds.dataset
    and run_policies.policy_number = form_thresholds.policy_number
left join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id;

comment on view run_policies is
    'One row per run: the policy for digits that decides, and the reason for a hold.';
comment on view form_thresholds is
    'One row per digit on a form and policy that has the form as a stratum: the threshold there.';
comment on column run_policies.scoring_run_id is 'Id of the scoring run.';
comment on column run_policies.policy_number is
    'Policy in force for the model version. Null without a policy.';
comment on column run_policies.threshold is
    'Lowest confidence that the policy accepts in this dataset. Null if it accepts nothing.';
comment on column run_policies.not_a_digit_from is
    'Not_a_digit score that means no digit, 0 to 1. Null without a policy.';
comment on column run_policies.review_rate is
    'Share of accepted readings in the review sample, 0 to 1. Null without a policy.';
comment on column run_policies.review_seed is 'Seed of the review sample. Null without a policy.';
comment on column run_policies.max_error is
    'Limit for the error rate of accepted readings, 0 to 1. Null without a policy.';
comment on column run_policies.certainty is
    'Statistical certainty that the limit holds, 0 to 1. Null without a policy.';
comment on column run_policies.hold_reason is
    'Reason why all digits of the run wait for a person. Null if it is not held.';
comment on column form_thresholds.dataset is 'Dataset, NAME/SPLIT.';
comment on column form_thresholds.digit_id is 'Id of the digit.';
comment on column form_thresholds.policy_number is 'Number of the policy.';
comment on column form_thresholds.threshold is
    'Lowest confidence that the policy accepts on the form. Null if it accepts nothing.';
comment on macro table run_decisions is
    'One row per prediction of a run, with the decision of a policy. Both may be latest.';
comment on view field_values is
    'One row per field and reader: the value read, the decision of the policy in force, and the final value.';
comment on column field_values.field_id is 'Id of the field.';
comment on column field_values.page_id is 'Id of the page.';
comment on column field_values.model_name is 'Name of the registered model.';
comment on column field_values.model_version is 'Version of the model.';
comment on column field_values.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column field_values.precision is 'Arithmetic of the model: float32 or fast.';
comment on column field_values.scoring_run_id is 'Scoring run that read the value first.';
comment on column field_values.value is
    'Final value: that of people, or else the value after the rules. Null if blank or unreadable.';
comment on column field_values.status is
    'Status of the final value: read, corrected, blank, rule_failed or unreadable.';
comment on column field_values.origin is
    'Origin of the final value: read, corrected by rule, or reviewed by NAME.';
comment on column field_values.decision is
    'Decision of the policy in force: accept, review or blank; reviewed if people reviewed the whole field.';
comment on column field_values.reason is
    'Reasons for a review, each with a word and a colon first. Null if no review is needed.';
comment on column field_values.is_doubtful is
    'True if a rule or a cell casts doubt on the value, whatever its confidence.';
comment on column field_values.decided_at is 'Time of the newest verdict, or else of the reading (UTC).';
comment on column field_values.reviewed_by is
    'Person who gave the newest verdict on the field or its digits. Null without a verdict.';
comment on column field_values.reviewed_at is 'Time of the newest verdict (UTC). Null without a verdict.';
comment on column field_values.reviewed_positions is 'Positions of the digits that people reviewed.';
comment on column field_values.broken_rule is
    'Rule that the final value breaks, or that the value read breaks if corrected. Null if none.';
comment on column field_values.confidence is
    'Probability that the final value is correct, 0 to 1, with 1 for reviewed digits. Null without a value.';
comment on column field_values.policy_number is 'Policy that decides. Null if the model version has none.';
comment on column field_values.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column field_values.value_read is
    'Value formed by the most probable digits. Null if no cell has a digit.';
comment on column field_values.value_corrected is
    'Value after applying the rules, before any review. Null if the field is blank or unreadable.';
comment on column field_values.status_read is 'Status before any review.';
comment on column field_values.broken_rule_read is 'Rule that the value read breaks. Null if it breaks none.';
comment on column field_values.confidence_read is
    'Probability that the corrected value is correct, before any review, 0 to 1. Null without a value.';
comment on column field_values.raw_probability is
    'Product of the digits'' probabilities for the value read. Null without a value.';
comment on column field_values.probability is
    'Product of the digits'' probabilities for the corrected value. Null without a value.';
comment on column field_values.posterior is
    'Lower bound of its probability among all values that satisfy the rules. Null without a value.';
comment on column field_values.reason_read is
    'Reasons for a review before any review took place. Null if no review is needed.';
comment on column field_values.cells_read is
    'Cells with ink: position, state, digit and prediction. Null if all cells are blank.';
comment on column field_values.calibration_slope is
    'Slope of the field policy''s calibration. Null without a field policy.';
comment on column field_values.calibration_offset is
    'Offset of the field policy''s calibration. Null without a field policy.';
comment on view field_readings is
    'One row per scoring run and field that its reader has read, as read and final.';
comment on column field_readings.scoring_run_id is 'Id of the scoring run.';
comment on column field_readings.dataset is 'Dataset, NAME/SPLIT.';
comment on column field_readings.page_id is 'Id of the page.';
comment on column field_readings.source is 'Path of the document.';
comment on column field_readings.source_sha256 is 'Sha256 of the document.';
comment on column field_readings.page is 'Page of the document, from 1.';
comment on column field_readings.form is 'Name of the form.';
comment on column field_readings.template is 'Fingerprint of the template.';
comment on column field_readings.read_at is 'Time when the page was read (UTC).';
comment on column field_readings.field_id is 'Id of the field.';
comment on column field_readings.field is 'Name of the field.';
comment on column field_readings.field_number is 'Position of the field in the template, from 0.';
comment on column field_readings.box is 'Field on the registered page, pixels at 200 dpi.';
comment on column field_readings.source_box is 'Field on the original scan, pixels.';
comment on column field_readings.value is
    'Final value: that of people, or else the value after the rules. Null if blank or unreadable.';
comment on column field_readings.status is
    'Status of the final value: read, corrected, blank, rule_failed or unreadable.';
comment on column field_readings.origin is
    'Origin of the final value: read, corrected by rule, or reviewed by NAME.';
comment on column field_readings.decision is
    'Decision of the policy in force: accept, review or blank; reviewed if people reviewed the whole field.';
comment on column field_readings.reason is
    'Reasons for a review, each with a word and a colon first. Null if no review is needed.';
comment on column field_readings.is_doubtful is
    'True if a rule or a cell casts doubt on the value, whatever its confidence.';
comment on column field_readings.decided_at is 'Time of the newest verdict, or else of the reading (UTC).';
comment on column field_readings.reviewed_by is
    'Person who gave the newest verdict on the field or its digits. Null without a verdict.';
comment on column field_readings.reviewed_at is 'Time of the newest verdict (UTC). Null without a verdict.';
comment on column field_readings.reviewed_positions is 'Positions of the digits that people reviewed.';
comment on column field_readings.broken_rule is
    'Rule that the final value breaks, or that the value read breaks if corrected. Null if none.';
comment on column field_readings.confidence is
    'Probability that the final value is correct, 0 to 1, with 1 for reviewed digits. Null without a value.';
comment on column field_readings.policy_number is 'Policy that decides. Null if the model version has none.';
comment on column field_readings.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column field_readings.value_read is
    'Value formed by the most probable digits. Null if no cell has a digit.';
comment on column field_readings.value_corrected is
    'Value after applying the rules, before any review. Null if the field is blank or unreadable.';
comment on column field_readings.status_read is 'Status before any review.';
comment on column field_readings.broken_rule_read is
    'Rule that the value read breaks. Null if it breaks none.';
comment on column field_readings.confidence_read is
    'Probability that the corrected value is correct, before any review, 0 to 1. Null without a value.';
comment on column field_readings.raw_probability is
    'Product of the digits'' probabilities for the value read. Null without a value.';
comment on column field_readings.probability is
    'Product of the digits'' probabilities for the corrected value. Null without a value.';
comment on column field_readings.posterior is
    'Lower bound of its probability among all values that satisfy the rules. Null without a value.';
comment on column field_readings.reason_read is
    'Reasons for a review before any review took place. Null if no review is needed.';
comment on column field_readings.cells_read is
    'Cells with ink: position, state, digit and prediction. Null if all cells are blank.';
comment on column field_readings.model_name is 'Name of the registered model.';
comment on column field_readings.model_version is 'Version of the model.';
comment on column field_readings.calibration_slope is
    'Slope of the field policy''s calibration. Null without a field policy.';
comment on column field_readings.calibration_offset is
    'Offset of the field policy''s calibration. Null without a field policy.';
comment on view review_queue is
    'One row per field or digit that waits for a person, over the newest runs of all datasets.';
comment on column review_queue.kind is 'field or digit.';
comment on column review_queue.scoring_run_id is 'Id of the scoring run.';
comment on column review_queue.dataset is 'Dataset, NAME/SPLIT.';
comment on column review_queue.form is 'Name of the form. Null for a digit.';
comment on column review_queue.field is 'Name of the field. Null for a digit.';
comment on column review_queue.label is 'Predicted digit. Null for a field.';
comment on column review_queue.value is 'Value or digit that waits. Null if the field has no value.';
comment on column review_queue.confidence is
    'Probability that the value is correct, 0 to 1. Null without a value.';
comment on column review_queue.reason is 'Reasons for the review, each with a word and a colon first.';
comment on column review_queue.source is 'Path of the document, or file of the digit.';
comment on column review_queue.page is 'Page of the source, from 1.';
comment on column review_queue."position" is 'Position of the digit on the page, from 0. Null for a field.';
comment on column review_queue.field_id is 'Id of the field. Null for a digit.';
comment on column review_queue.page_id is 'Id of the form page. Null for a digit.';
comment on column review_queue.digit_id is 'Id of the digit. Null for a field.';
comment on column review_queue.shard_score_id is 'Shard score of the prediction. Null for a field.';
comment on column review_queue.shard_fingerprint is 'Shard that contains the image. Null for a field.';
comment on column review_queue.has_label is 'True if the digit came with a label, as in training sets.';
comment on view predictions_full is
    'One row per prediction and run that contains it: what was read, decided and reviewed, and where it is.';
comment on column predictions_full.scoring_run_id is 'Id of the scoring run.';
comment on column predictions_full.dataset is 'Dataset, NAME/SPLIT.';
comment on column predictions_full.model_name is 'Name of the registered model.';
comment on column predictions_full.model_version is 'Version of the model.';
comment on column predictions_full.precision is 'Arithmetic of the model: float32 or fast.';
comment on column predictions_full.scored_at is 'Time when the shard was scored (UTC).';
comment on column predictions_full.scored_by is 'User who ran the scoring.';
comment on column predictions_full.shard_fingerprint is 'Shard that contains the image.';
comment on column predictions_full.shard_score_id is 'Shard score of the prediction.';
comment on column predictions_full.digit_id is 'Id of the digit.';
comment on column predictions_full.label is 'Predicted digit.';
comment on column predictions_full.confidence is 'Calibrated probability of the predicted digit, 0 to 1.';
comment on column predictions_full.not_a_digit is
    'Score that the image is not a digit, 0 to 1. Null if the model has no such score.';
comment on column predictions_full.truth is 'True digit. Null if unknown.';
comment on column predictions_full.is_right is
    'True if the label is the true digit. Null if the truth is unknown.';
comment on column predictions_full.policy_number is
    'Policy in force for the model version. Null without a policy.';
comment on column predictions_full.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column predictions_full.verdict is
    'Newest verdict on the digit: 0 to 9, blank, not_a_digit or unreadable. Null without a review.';
comment on column predictions_full.reviewed_by is 'Person who gave the verdict. Null without a review.';
comment on column predictions_full.reviewed_at is 'Time of the verdict (UTC). Null without a review.';
comment on column predictions_full.final_value is 'Final value of the digit: the verdict, or else the label.';
comment on column predictions_full.decision is
    'Decision of the policy in force: accept, review or not_a_digit. Without a policy, it is review.';
comment on column predictions_full.source is
    'File or data set that contains the digit. Null if its place is not recorded.';
comment on column predictions_full.source_sha256 is
    'Sha256 of the source. Null if its place is not recorded.';
comment on column predictions_full.page is 'Page of the source, from 1. Null if its place is not recorded.';
comment on column predictions_full.field is 'Field of the form. Null outside forms.';
comment on column predictions_full."position" is
    'Position in the field, or on the page outside forms, from 0. Null if its place is not recorded.';
comment on column predictions_full.writer is 'Person who wrote the digit. Null if unknown.';
comment on column predictions_full.form is 'Name of the form. Null outside forms.';
comment on column predictions_full.box is
    'Cell on the registered page, pixels at 200 dpi. Null outside forms.';
comment on column predictions_full.source_box is 'Cell on the original scan, pixels. Null outside forms.';
comment on column predictions_full.page_id is 'Id of the form page. Null outside forms.';
comment on column predictions_full.field_id is
    'Id of the field, which final_values shows. Null outside forms.';
comment on view current_decisions is
    'One row per prediction of the newest runs: the decision of the policy in force, or reviewed.';
comment on column current_decisions.scoring_run_id is 'Id of the scoring run.';
comment on column current_decisions.dataset is 'Dataset, NAME/SPLIT.';
comment on column current_decisions.model_name is 'Name of the registered model.';
comment on column current_decisions.model_version is 'Version of the model.';
comment on column current_decisions.precision is 'Arithmetic of the model: float32 or fast.';
comment on column current_decisions.shard_fingerprint is 'Shard that contains the image.';
comment on column current_decisions.shard_score_id is 'Shard score of the prediction.';
comment on column current_decisions.digit_id is 'Id of the digit.';
comment on column current_decisions.label is 'Predicted digit.';
comment on column current_decisions.confidence is 'Calibrated probability of the predicted digit, 0 to 1.';
comment on column current_decisions.not_a_digit is
    'Score that the image is not a digit, 0 to 1. Null if the model has no such score.';
comment on column current_decisions.truth is 'True digit. Null if unknown.';
comment on column current_decisions.policy_number is
    'Policy in force for the model version. Null without a policy.';
comment on column current_decisions.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column current_decisions.verdict is
    'Newest verdict on the digit: 0 to 9, blank, not_a_digit or unreadable. Null without a review.';
comment on column current_decisions.reviewed_by is 'Person who gave the verdict. Null without a review.';
comment on column current_decisions.reviewed_at is 'Time of the verdict (UTC). Null without a review.';
comment on column current_decisions.final_value is
    'Final value of the digit: the verdict, or else the label.';
comment on column current_decisions.decision is
    'Decision of the policy in force: accept, review or not_a_digit; reviewed after a verdict.';
