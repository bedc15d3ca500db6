-- Final values: what people decide about digits and fields, and the values that follow. The values that
-- models read are never changed.

-- The policies in force when a run finished.
alter table scoring_runs add column digit_policy bigint;
alter table scoring_runs add column field_policy bigint;

-- The name `field_values` now belongs to a view that also shows the final values.
alter table field_values rename to values_read;
alter table values_read add column cells_read struct(
    "position" integer,
    state varchar,
    digit_id uuid,
    shard_score_id uuid,
    label utinyint,
    confidence float,
    not_a_digit float
)[];

update values_read
set cells_read = found.cells_read
from (
    with

    readings as (
        select
            cells.field_id,
            shard_scores.model_name,
            shard_scores.model_version,
            shard_scores.preprocessing_fingerprint,
            shard_scores.precision,
            cells.position,
            cells.state,
            cells.digit_id,
            predictions.shard_score_id,
            predictions.label,
            predictions.confidence,
            predictions.not_a_digit
        from cells
        inner join predictions using (digit_id)
        inner join shard_scores using (shard_score_id)
        -- Two datasets may contain the same scan, and then two shards the same digit.
        qualify row_number() over (
            partition by
                cells.field_id,
                cells.position,
                shard_scores.model_name,
                shard_scores.model_version,
                shard_scores.preprocessing_fingerprint,
                shard_scores.precision
            order by shard_scores.scored_at
        ) = 1
    )

    select
        field_id,
        model_name,
        model_version,
        preprocessing_fingerprint,
        precision,
        list(
            struct_pack("position", state, digit_id, shard_score_id, label, confidence, not_a_digit)
            order by "position"
        ) as cells_read
    from readings
    group by field_id, model_name, model_version, preprocessing_fingerprint, precision
) as found
where
    values_read.field_id = found.field_id
    and values_read.model_name = found.model_name
    and values_read.model_version = found.model_version
    and values_read.preprocessing_fingerprint = found.preprocessing_fingerprint
    and values_read.precision = found.precision;

-- How a verdict was given, and the seconds that it took.
alter table reviews add column mode varchar;
alter table reviews add column seconds double;

-- One row per verdict of a person on a whole field. Rows are only appended.
create table field_reviews (
    review_number bigint primary key default nextval('review_numbers'),
    batch_id uuid not null,
    field_id uuid not null,
    page_id uuid not null,
    verdict varchar not null check (verdict in ('value', 'blank', 'unreadable')),
    value varchar check ((verdict = 'blank') = (value is null)),
    has_all_digits boolean not null,
    note varchar,
    mode varchar not null,
    seconds double check (seconds >= 0),
    reviewed_at timestamptz not null,
    actor varchar not null,
    unique (batch_id, field_id)
);

-- One row per batch of verdicts that was undone. The verdicts stay stored but no longer count.
create table review_undos (
    undo_id uuid primary key,
    batch_id uuid not null unique,
    undone_at timestamptz not null,
    actor varchar not null
);

-- The state of a page after a verdict. The newest revision per page and reader counts.
create sequence revision_numbers;

create table page_revisions (
    revision_number bigint primary key default nextval('revision_numbers'),
    page_id uuid not null,
    model_name varchar not null,
    model_version integer not null,
    preprocessing_fingerprint varchar not null,
    precision varchar not null,
    broken_rules varchar[] not null,
    revised_at timestamptz not null
);

-- One row per revision and field that a verdict concerns, or that has other reasons for review since.
create table revised_values (
    revision_number bigint not null,
    field_id uuid not null,
    status varchar not null check (status in ('read', 'corrected', 'blank', 'rule_failed', 'unreadable')),
    value varchar,
    broken_rule varchar,
    reason varchar,
    reviewed_positions integer[] not null,
    is_settled boolean not null,
    review_number bigint,
    reviewed_by varchar,
    reviewed_at timestamptz,
    primary key (revision_number, field_id)
);

-- The newest verdict on each digit. Undone verdicts do not count.
create view digit_verdicts as
select
    digit_id,
    arg_max(verdict, review_number) as verdict,
    arg_max(shard_score_id, review_number) as shard_score_id,
    max(review_number) as review_number,
    arg_max(reviewed_at, review_number) as reviewed_at,
    arg_max(actor, review_number) as actor
from reviews
where batch_id not in (select batch_id from review_undos)
group by digit_id;

-- The newest verdict on each field. Undone verdicts do not count.
create view field_verdicts as
select
    field_id,
    arg_max(verdict, review_number) as verdict,
    arg_max_null(value, review_number) as value,
    arg_max(has_all_digits, review_number) as has_all_digits,
    max(review_number) as review_number,
    arg_max(reviewed_at, review_number) as reviewed_at,
    arg_max(actor, review_number) as actor
from field_reviews
where batch_id not in (select batch_id from review_undos)
group by field_id;

-- The newest policy per model version, precision and subject.
create view policies_in_force as
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
    certainty
from policies
qualify policy_number = max(policy_number) over (partition by subject, model_name, model_version, precision);

-- Cells that hold a digit, without those at some positions.
create macro open_digits(cells_read, positions) as
    list_filter(
        cells_read,
        lambda cell: cell.state = 'digit' and not list_contains(coalesce(positions, []), cell.position)
    );

-- Reasons to review the digits of a field, as one text: refused digits, and digits that no digit policy
-- accepts. `has_policy` tells whether there is a digit policy. Without one, 0.5 is refused.
create macro doubts_of_digits(digits_read, has_policy, threshold, not_a_digit_from) as
    nullif(
        array_to_string(
            list_transform(
                list_filter(
                    digits_read,
                    lambda cell: coalesce(cell.not_a_digit >= coalesce(not_a_digit_from, 0.5), false)
                ),
                lambda cell: printf('not_a_digit: position %d, score %.2f', cell.position, cell.not_a_digit)
            )
            || list_transform(
                list_filter(
                    digits_read,
                    lambda cell: has_policy
                        and not coalesce(cell.confidence >= threshold, false)
                        and not coalesce(cell.not_a_digit >= coalesce(not_a_digit_from, 0.5), false)
                ),
                lambda cell: printf('unsure: position %d, confidence %.2f', cell.position, cell.confidence)
            ),
            '; '
        ),
        ''
    );

-- Whether the random sample of a digit policy contains any of the digits.
create macro has_sampled_digit(digits_read, review_rate, review_seed) as
    len(list_filter(digits_read, lambda cell: is_sampled(cell.digit_id, review_rate, review_seed))) > 0;

-- One row per field and reader: the value read, the decision of the policies in force, and the final value.
create view field_values as
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
    select * from policies_in_force where subject = 'digit'
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
                    digit_policies.threshold,
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
                        digit_policies.threshold,
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
        field_policies.threshold as field_threshold,
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

-- One row per rule across fields that the final values of a page break, for each reader.
create view final_rule_failures as
with

revisions as (
    select page_id, model_name, model_version, preprocessing_fingerprint, precision, broken_rules
    from page_revisions
    qualify revision_number = max(revision_number) over (
        partition by page_id, model_name, model_version, preprocessing_fingerprint, precision
    )
)

select page_id, model_name, model_version, preprocessing_fingerprint, precision, unnest(broken_rules) as rule
from revisions
union all
select page_id, model_name, model_version, preprocessing_fingerprint, precision, rule
from page_rule_failures
anti join revisions using (page_id, model_name, model_version, preprocessing_fingerprint, precision);

-- One row per scoring run and field that its reader has read, as read and final. Audits of forms start here.
drop view field_readings;
create view field_readings as
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
    field_values.decision,
    field_values.reason,
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
inner join field_values
    on scoring_runs.model_name = field_values.model_name
    and scoring_runs.model_version = field_values.model_version
    and scoring_runs.preprocessing_fingerprint = field_values.preprocessing_fingerprint
    and scoring_runs.precision = field_values.precision
inner join fields on field_values.field_id = fields.field_id
inner join pages
    on field_values.page_id = pages.page_id
    and scoring_runs.dataset = pages.dataset;

-- One row per dataset that was scored: its newest finished run, or its newest run if none has finished.
create view current_runs as
select scoring_run_id, dataset, model_name, model_version, precision, started_at, finished_at
from scoring_runs
qualify row_number() over (
    partition by dataset order by finished_at is null, started_at desc, scoring_run_id
) = 1;

-- One row per field of a page, by the newest run of its dataset. Of a page that was read again with a
-- corrected template, only the last reading is here; of a document that was scanned again, the newest scan.
create view final_values as
select field_readings.*
from field_readings
semi join current_runs using (scoring_run_id)
semi join current_documents using (dataset, source_sha256)
qualify field_readings.read_at = max(field_readings.read_at) over (
    partition by field_readings.scoring_run_id, field_readings.source_sha256, field_readings.page
);

-- One row per field or digit that waits for a person, over the newest runs of all datasets. The digits of
-- forms wait with their fields. A digit with a label needs no person: training and test sets have labels.
create view review_queue as
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
        policies_in_force.policy_number,
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            policies_in_force.threshold,
            coalesce(policies_in_force.not_a_digit_from, 0.5),
            policies_in_force.review_rate,
            policies_in_force.review_seed
        ) as decision,
        case
            when decision = 'not_a_digit' then printf('not_a_digit: score %.2f', predictions.not_a_digit)
            when policies_in_force.policy_number is null
                then concat(
                    'no_policy: no policy accepts readings of ',
                    current_runs.model_name,
                    '/',
                    current_runs.model_version
                )
            when coalesce(predictions.confidence >= policies_in_force.threshold, false)
                then 'sample: drawn to measure the error rate'
            else printf('unsure: confidence %.2f', predictions.confidence)
        end as reason
    from current_runs
    inner join scoring_run_shards using (scoring_run_id)
    inner join predictions using (shard_score_id)
    left join policies_in_force
        on policies_in_force.subject = 'digit'
        and current_runs.model_name = policies_in_force.model_name
        and current_runs.model_version = policies_in_force.model_version
        and current_runs.precision = policies_in_force.precision
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

-- Comments on everything above.

comment on table field_reviews is 'One row per verdict of a person on a whole field. Rows are only appended.';
comment on table review_undos is
    'One row per batch of verdicts that was undone. The verdicts stay stored but no longer count.';
comment on table page_revisions is
    'One row per page, reader and change of its final values. The newest revision counts.';
comment on table revised_values is
    'One row per page revision and field with a verdict, or with other reasons for review than before.';
comment on table values_read is
    'One row per field and reader: the value as read. Rows never change; field_values shows final values.';
comment on sequence revision_numbers is 'Numbers of page revisions.';
comment on view digit_verdicts is 'One row per reviewed digit: the newest verdict that was not undone.';
comment on view field_verdicts is
    'One row per field with a verdict on the whole field: the newest that was not undone.';
comment on view policies_in_force is 'One row per subject, model version and precision: the newest policy.';
comment on view field_values is
    'One row per field and reader: the value read, the decision of the policy in force, and the final value.';
comment on view final_rule_failures is
    'One row per page, reader and rule across fields that the final values break.';
comment on view field_readings is
    'One row per scoring run and field that its reader has read, as read and final.';
comment on view current_runs is
    'One row per scored dataset: its newest finished run, or its newest run if none has finished.';
comment on view final_values is
    'One row per field of a page, by the newest run of its dataset: the values of record.';
comment on view review_queue is
    'One row per field or digit that waits for a person, over the newest runs of all datasets.';
comment on macro open_digits is 'Cells that hold a digit, without those at some positions.';
comment on macro doubts_of_digits is
    'Reasons to review the digits of a field, as one text. Null if no review is needed.';
comment on macro has_sampled_digit is
    'True if the random sample of a digit policy contains any of the digits.';
comment on column current_runs.scoring_run_id is 'Id of the scoring run.';
comment on column current_runs.dataset is 'Dataset, NAME/SPLIT.';
comment on column current_runs.model_name is 'Name of the registered model.';
comment on column current_runs.model_version is 'Version of the model.';
comment on column current_runs.precision is 'Arithmetic of the model: float32 or fast.';
comment on column current_runs.started_at is 'Time when the run started (UTC).';
comment on column current_runs.finished_at is
    'Time when the run finished (UTC). Null if it has not finished.';
comment on column digit_verdicts.digit_id is 'Id of the digit.';
comment on column digit_verdicts.verdict is 'Newest verdict: 0 to 9, blank, not_a_digit or unreadable.';
comment on column digit_verdicts.shard_score_id is 'Shard score that the person saw.';
comment on column digit_verdicts.review_number is 'Number of the review, in recording order.';
comment on column digit_verdicts.reviewed_at is 'Time of the verdict (UTC).';
comment on column digit_verdicts.actor is 'Person who gave the verdict.';
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
comment on column field_reviews.review_number is 'Number of the review, in recording order.';
comment on column field_reviews.batch_id is 'Id of the batch of verdicts that a person gave at once.';
comment on column field_reviews.field_id is 'Id of the field.';
comment on column field_reviews.page_id is 'Id of the page.';
comment on column field_reviews.verdict is 'Verdict: value, blank or unreadable.';
comment on column field_reviews.value is
    'Value that the person typed, with ? for unreadable characters. Null for blank.';
comment on column field_reviews.has_all_digits is
    'True if the batch has a verdict on each digit of the field, which newer verdicts can replace.';
comment on column field_reviews.note is 'Note by the person. Null without a note.';
comment on column field_reviews.mode is
    'How the verdict was given: folder, groups, fields, documents or blind.';
comment on column field_reviews.seconds is 'Time taken for the verdict, seconds. Null if unknown.';
comment on column field_reviews.reviewed_at is 'Time of the verdict (UTC).';
comment on column field_reviews.actor is 'Person who gave the verdict.';
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
comment on column field_verdicts.field_id is 'Id of the field.';
comment on column field_verdicts.verdict is 'Newest verdict: value, blank or unreadable.';
comment on column field_verdicts.value is 'Value that the person typed. Null for blank.';
comment on column field_verdicts.has_all_digits is
    'True if the batch also has a verdict on each digit of the field.';
comment on column field_verdicts.review_number is 'Number of the review, in recording order.';
comment on column field_verdicts.reviewed_at is 'Time of the verdict (UTC).';
comment on column field_verdicts.actor is 'Person who gave the verdict.';
comment on column final_rule_failures.page_id is 'Id of the page.';
comment on column final_rule_failures.model_name is 'Name of the registered model.';
comment on column final_rule_failures.model_version is 'Version of the model.';
comment on column final_rule_failures.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column final_rule_failures.precision is 'Arithmetic of the model: float32 or fast.';
comment on column final_rule_failures.rule is 'Name of the rule.';
comment on column final_values.scoring_run_id is 'Id of the scoring run.';
comment on column final_values.dataset is 'Dataset, NAME/SPLIT.';
comment on column final_values.page_id is 'Id of the page.';
comment on column final_values.source is 'Path of the document.';
comment on column final_values.source_sha256 is 'Sha256 of the document.';
comment on column final_values.page is 'Page of the document, from 1.';
comment on column final_values.form is 'Name of the form.';
comment on column final_values.template is 'Fingerprint of the template.';
comment on column final_values.read_at is 'Time when the page was read (UTC).';
comment on column final_values.field_id is 'Id of the field.';
comment on column final_values.field is 'Name of the field.';
comment on column final_values.field_number is 'Position of the field in the template, from 0.';
comment on column final_values.box is 'Field on the registered page, pixels at 200 dpi.';
comment on column final_values.source_box is 'Field on the original scan, pixels.';
comment on column final_values.value is
    'Final value: that of people, or else the value after the rules. Null if blank or unreadable.';
comment on column final_values.status is
    'Status of the final value: read, corrected, blank, rule_failed or unreadable.';
comment on column final_values.origin is
    'Origin of the final value: read, corrected by rule, or reviewed by NAME.';
comment on column final_values.decision is
    'Decision of the policy in force: accept, review or blank; reviewed if people reviewed the whole field.';
comment on column final_values.reason is
    'Reasons for a review, each with a word and a colon first. Null if no review is needed.';
comment on column final_values.is_doubtful is
    'True if a rule or a cell casts doubt on the value, whatever its confidence.';
comment on column final_values.decided_at is 'Time of the newest verdict, or else of the reading (UTC).';
comment on column final_values.reviewed_by is
    'Person who gave the newest verdict on the field or its digits. Null without a verdict.';
comment on column final_values.reviewed_at is 'Time of the newest verdict (UTC). Null without a verdict.';
comment on column final_values.reviewed_positions is 'Positions of the digits that people reviewed.';
comment on column final_values.broken_rule is
    'Rule that the final value breaks, or that the value read breaks if corrected. Null if none.';
comment on column final_values.confidence is
    'Probability that the final value is correct, 0 to 1, with 1 for reviewed digits. Null without a value.';
comment on column final_values.policy_number is 'Policy that decides. Null if the model version has none.';
comment on column final_values.threshold is
    'Lowest confidence that the policy accepts. Null if it accepts nothing.';
comment on column final_values.value_read is
    'Value formed by the most probable digits. Null if no cell has a digit.';
comment on column final_values.value_corrected is
    'Value after applying the rules, before any review. Null if the field is blank or unreadable.';
comment on column final_values.status_read is 'Status before any review.';
comment on column final_values.broken_rule_read is 'Rule that the value read breaks. Null if it breaks none.';
comment on column final_values.confidence_read is
    'Probability that the corrected value is correct, before any review, 0 to 1. Null without a value.';
comment on column final_values.raw_probability is
    'Product of the digits'' probabilities for the value read. Null without a value.';
comment on column final_values.probability is
    'Product of the digits'' probabilities for the corrected value. Null without a value.';
comment on column final_values.posterior is
    'Lower bound of its probability among all values that satisfy the rules. Null without a value.';
comment on column final_values.reason_read is
    'Reasons for a review before any review took place. Null if no review is needed.';
comment on column final_values.cells_read is
    'Cells with ink: position, state, digit and prediction. Null if all cells are blank.';
comment on column final_values.model_name is 'Name of the registered model.';
comment on column final_values.model_version is 'Version of the model.';
comment on column final_values.calibration_slope is
    'Slope of the field policy''s calibration. Null without a field policy.';
comment on column final_values.calibration_offset is
    'Offset of the field policy''s calibration. Null without a field policy.';
comment on column page_revisions.revision_number is 'Number of the revision, in recording order.';
comment on column page_revisions.page_id is 'Id of the page.';
comment on column page_revisions.model_name is 'Name of the registered model.';
comment on column page_revisions.model_version is 'Version of the model.';
comment on column page_revisions.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column page_revisions.precision is 'Arithmetic of the model: float32 or fast.';
comment on column page_revisions.broken_rules is 'Rules across fields that the final values break.';
comment on column page_revisions.revised_at is 'Time of the verdict that caused the revision (UTC).';
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
comment on column review_undos.undo_id is 'Id of the undo.';
comment on column review_undos.batch_id is 'Id of the batch of verdicts that a person gave at once.';
comment on column review_undos.undone_at is 'Time of the undo (UTC).';
comment on column review_undos.actor is 'Person who undid the verdicts.';
comment on column reviews.mode is
    'How the verdict was given: folder, groups, fields, documents or blind. Null if not recorded.';
comment on column reviews.seconds is 'Time taken for the verdict, seconds. Null if unknown.';
comment on column revised_values.revision_number is 'Number of the revision, in recording order.';
comment on column revised_values.field_id is 'Id of the field.';
comment on column revised_values.status is
    'Status of the final value: read, corrected, blank, rule_failed or unreadable.';
comment on column revised_values.value is 'Final value. Null if the field is blank or unreadable.';
comment on column revised_values.broken_rule is 'Rule that the value breaks. Null if it breaks none.';
comment on column revised_values.reason is
    'Reasons for a review that remain, apart from those of digits. Null if no review is needed.';
comment on column revised_values.reviewed_positions is 'Positions of the digits that people reviewed.';
comment on column revised_values.is_settled is 'True if people reviewed the whole field.';
comment on column revised_values.review_number is
    'Newest verdict on the field or its digits. Null without a verdict.';
comment on column revised_values.reviewed_by is
    'Person who gave the newest verdict on the field or its digits. Null without a verdict.';
comment on column revised_values.reviewed_at is 'Time of the newest verdict (UTC). Null without a verdict.';
comment on column scoring_runs.digit_policy is
    'Policy for digits in force when the run finished. Null if there was none, or if not recorded.';
comment on column scoring_runs.field_policy is
    'Policy for fields in force when the run finished. Null if there was none, or if not recorded.';
comment on column values_read.cells_read is
    'Cells with ink: position, state, digit and prediction. Null if all cells are blank.';
