-- Readings of a run that drifted wait for a person, if the retraining schedule says so when the run
-- finishes: a policy holds only for digits like its evidence. A later run of the dataset is judged by its
-- own drift.

alter table scoring_runs add column is_held boolean;

-- One row per run whose readings wait because it drifted. A policy for digits that was set later releases it.
create view held_runs as
select scoring_runs.scoring_run_id
from scoring_runs
left join policies
    on policies.subject = 'digit'
    and scoring_runs.model_name = policies.model_name
    and scoring_runs.model_version = policies.model_version
    and scoring_runs.precision = policies.precision
    and policies.recorded_at > scoring_runs.finished_at
where scoring_runs.is_held and policies.policy_number is null;

comment on column scoring_runs.is_held is
    'True if the run drifted and the schedule held such runs when it finished. Null if not recorded.';

-- One row per prediction of a run, with the decision of a policy: its number as text, or 'latest' for the
-- policy in force for the run's model version. Without a policy, or if the run is held, every digit is for
-- review.
create or replace macro run_decisions(run, chosen_policy) as table
with

chosen_run as (
    select scoring_run_id, model_name, model_version, precision
    from scoring_runs
    where scoring_run_id = find_run(run)
),

policy as (
    select
        policies.policy_number,
        if(
            cast(chosen_policy as varchar) = 'latest' and held_runs.scoring_run_id is not null,
            null,
            policies.threshold
        ) as threshold,
        policies.not_a_digit_from,
        policies.review_rate,
        policies.review_seed,
        policies.max_error,
        policies.certainty
    from policies
    inner join chosen_run using (model_name, model_version, precision)
    left join held_runs on chosen_run.scoring_run_id = held_runs.scoring_run_id
    where
        policies.subject = 'digit'
        and (
            cast(chosen_policy as varchar) = 'latest'
            or cast(policies.policy_number as varchar) = cast(chosen_policy as varchar)
        )
    order by policies.policy_number desc
    limit 1
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
    policy.threshold,
    policy.max_error,
    policy.certainty,
    coalesce(predictions.confidence >= policy.threshold, false) as is_sure,
    decide_digit(
        predictions.digit_id,
        predictions.confidence,
        predictions.not_a_digit,
        policy.threshold,
        policy.not_a_digit_from,
        policy.review_rate,
        policy.review_seed
    ) as decision
from predictions
inner join scoring_run_shards using (shard_score_id)
semi join chosen_run on scoring_run_shards.scoring_run_id = chosen_run.scoring_run_id
left join policy on true;

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
        field_values.decision = 'accept' and held_runs.scoring_run_id is not null,
        'review',
        field_values.decision
    ) as decision,
    if(
        field_values.decision = 'accept' and held_runs.scoring_run_id is not null,
        'drift: the run differs from the training digits',
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
        policies_in_force.policy_number,
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            if(held_runs.scoring_run_id is null, policies_in_force.threshold, null),
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
            when held_runs.scoring_run_id is not null
                then 'drift: the run differs from the training digits'
            when coalesce(predictions.confidence >= policies_in_force.threshold, false)
                then 'sample: drawn to measure the error rate'
            else printf('unsure: confidence %.2f', predictions.confidence)
        end as reason
    from current_runs
    left join held_runs on current_runs.scoring_run_id = held_runs.scoring_run_id
    inner join scoring_run_shards on current_runs.scoring_run_id = scoring_run_shards.scoring_run_id
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
    policies_in_force.policy_number,
    policies_in_force.threshold,
    decide_digit(
        predictions.digit_id,
        predictions.confidence,
        predictions.not_a_digit,
        if(held_runs.scoring_run_id is null, policies_in_force.threshold, null),
        policies_in_force.not_a_digit_from,
        policies_in_force.review_rate,
        policies_in_force.review_seed
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
    form_places.form,
    form_places.box,
    form_places.source_box,
    form_places.page_id,
    form_places.field_id
from predictions
inner join scoring_run_shards using (shard_score_id)
inner join scoring_runs on scoring_run_shards.scoring_run_id = scoring_runs.scoring_run_id
left join held_runs on scoring_runs.scoring_run_id = held_runs.scoring_run_id
left join shard_scores on predictions.shard_score_id = shard_scores.shard_score_id
left join policies_in_force
    on policies_in_force.subject = 'digit'
    and scoring_runs.model_name = policies_in_force.model_name
    and scoring_runs.model_version = policies_in_force.model_version
    and scoring_runs.precision = policies_in_force.precision
left join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id
left join digits
    on scoring_run_shards.shard_fingerprint = digits.shard_fingerprint
    and predictions.digit_id = digits.digit_id
left join form_places
    on predictions.digit_id = form_places.digit_id
    and scoring_runs.dataset = form_places.dataset;

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
    policies_in_force.policy_number,
    policies_in_force.threshold,
    if(
        digit_verdicts.verdict is not null,
        'reviewed',
        decide_digit(
            predictions.digit_id,
            predictions.confidence,
            predictions.not_a_digit,
            if(held_runs.scoring_run_id is null, policies_in_force.threshold, null),
            policies_in_force.not_a_digit_from,
            policies_in_force.review_rate,
            policies_in_force.review_seed
        )
    ) as decision,
    digit_verdicts.verdict,
    digit_verdicts.actor as reviewed_by,
    digit_verdicts.reviewed_at,
    coalesce(digit_verdicts.verdict, cast(predictions.label as varchar)) as final_value
from predictions
inner join scoring_run_shards using (shard_score_id)
inner join current_runs on scoring_run_shards.scoring_run_id = current_runs.scoring_run_id
left join held_runs on current_runs.scoring_run_id = held_runs.scoring_run_id
left join policies_in_force
    on policies_in_force.subject = 'digit'
    and current_runs.model_name = policies_in_force.model_name
    and current_runs.model_version = policies_in_force.model_version
    and current_runs.precision = policies_in_force.precision
left join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id;

comment on view held_runs is 'One row per run whose readings wait for a person because it drifted.';
comment on column held_runs.scoring_run_id is 'Id of the scoring run.';
comment on view field_readings is
    'One row per scoring run and field that its reader has read, as read and final.';
comment on view review_queue is
    'One row per field or digit that waits for a person, over the newest runs of all datasets.';
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
comment on view current_decisions is
    'One row per prediction of the newest runs: the decision of the policy in force, or reviewed.';
comment on macro table run_decisions is
    'One row per prediction of a run, with the decision of a policy. Both may be latest.';
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
comment on column predictions_full.form is 'Name of the form. Null outside forms.';
comment on column predictions_full.box is
    'Cell on the registered page, pixels at 200 dpi. Null outside forms.';
comment on column predictions_full.source_box is 'Cell on the original scan, pixels. Null outside forms.';
comment on column predictions_full.page_id is 'Id of the form page. Null outside forms.';
comment on column predictions_full.field_id is
    'Id of the field, which final_values shows. Null outside forms.';
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
