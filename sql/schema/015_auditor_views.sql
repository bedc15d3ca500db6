-- Views for auditors and BI tools, the record of exports, and macros that find runs by name.

-- One row per export of the audit tables or of digits to review. Rows are only appended.
create table exports (
    export_id uuid primary key,
    kind varchar not null check (kind in ('tables', 'reviews')),
    folder varchar not null,
    scoring_run_id uuid,
    rows bigint not null,
    exported_at timestamptz not null,
    actor varchar not null
);

-- Id of a run, given as 'latest', as an id or as the beginning of one. A beginning must fit exactly one run.
create macro find_run(run) as (
    select
        case
            when cast(run as varchar) = 'latest' or count(*) = 1
                then first(scoring_run_id order by started_at desc, scoring_run_id)
            when count(*) = 0 then error(concat('no scoring run begins with ', run))
            else error(concat(count(*), ' scoring runs begin with ', run))
        end
    from scoring_runs
    where
        cast(run as varchar) = 'latest'
        or starts_with(cast(scoring_run_id as varchar), lower(cast(run as varchar)))
);

-- One row per prediction of a run, with the decision of a policy: its number as text, or 'latest' for the
-- policy in force for the run's model version. Without a policy, every digit is for review.
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
        policies.threshold,
        policies.not_a_digit_from,
        policies.review_rate,
        policies.review_seed,
        policies.max_error,
        policies.certainty
    from policies
    inner join chosen_run using (model_name, model_version, precision)
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

-- One row per form page with a digit that the run contains.
create or replace macro run_pages(run) as table
with

chosen_run as (
    select scoring_run_id, dataset
    from scoring_runs
    where scoring_run_id = find_run(run)
)

select distinct pages.page_id, pages.source, pages.page
from scoring_run_shards
inner join chosen_run using (scoring_run_id)
inner join digits using (shard_fingerprint)
inner join cells using (digit_id)
inner join pages on cells.page_id = pages.page_id and chosen_run.dataset = pages.dataset;

-- One row per prediction and run that contains it: what was read, decided and reviewed, and where it is on
-- paper. All joins are on ids, so a query for one run or one digit stays fast.
create view predictions_full as
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
        policies_in_force.threshold,
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
inner join scoring_runs using (scoring_run_id)
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

-- One row per prediction of the newest runs: the decision of the policy in force, or reviewed.
create view current_decisions as
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
            policies_in_force.threshold,
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
inner join current_runs using (scoring_run_id)
left join policies_in_force
    on policies_in_force.subject = 'digit'
    and current_runs.model_name = policies_in_force.model_name
    and current_runs.model_version = policies_in_force.model_version
    and current_runs.precision = policies_in_force.precision
left join digit_verdicts on predictions.digit_id = digit_verdicts.digit_id;

-- One row per period in which a version was champion. Promoting the champion again does not end its period.
create view champion_history as
with

champions as (
    select
        promotion_number,
        model_name,
        model_version,
        recorded_at,
        actor,
        action,
        reason,
        gate_digits,
        champion_right,
        challenger_right,
        p_value
    from promotions
    where alias = 'champion' and action in ('promote', 'rollback')
    qualify model_version is distinct from lag(model_version) over (
        partition by model_name order by promotion_number
    )
)

select
    promotion_number,
    model_name,
    model_version,
    recorded_at as started_at,
    lead(recorded_at) over (partition by model_name order by promotion_number) as ended_at,
    actor as promoted_by,
    action,
    reason,
    if(
        gate_digits is null,
        null,
        printf(
            '%d gate digits: challenger %d right, champion %d right, p = %.3g',
            gate_digits,
            challenger_right,
            champion_right,
            p_value
        )
    ) as evidence,
    lag(model_version) over (partition by model_name order by promotion_number) as former_version,
    coalesce(
        lead(action) over (partition by model_name order by promotion_number) = 'rollback', false
    ) as is_rolled_back
from champions;

-- Everything that people did, one row per act.
create view acts as
with

verdicts as (
    select batch_id, reviewed_at, actor, mode, verdict, 1 as digits, 0 as fields
    from reviews
    union all
    select batch_id, reviewed_at, actor, mode, coalesce(value, verdict) as verdict, 0 as digits, 1 as fields
    from field_reviews
),

batches as (
    select
        batch_id,
        max(reviewed_at) as reviewed_at,
        any_value(actor) as actor,
        any_value(mode) as mode,
        sum(digits) as digits,
        sum(fields) as fields,
        histogram(verdict) as verdicts
    from verdicts
    group by batch_id
),

truths as (
    select
        pages.dataset,
        field_truths.recorded_at,
        field_truths.actor,
        count(*) as fields
    from field_truths
    inner join pages using (page_id)
    group by pages.dataset, field_truths.recorded_at, field_truths.actor
)

select
    started_at as acted_at,
    actor,
    'ingest' as act,
    dataset as subject,
    concat(
        kind, ' from ', source, '; digits added: ', digits_added, ', relabelled: ', digits_relabelled,
        '; inputs rejected: ', rejected, if(finished_at is null, '; not finished', '')
    ) as detail
from ingests
union all
select
    committed_at as acted_at,
    actor,
    'dataset' as act,
    dataset as subject,
    concat('version ', manifest_version, ', committed without an ingest; digits: ', digits) as detail
from datasets
where ingest_id is null
union all
select recorded_at as acted_at, actor, 'template' as act, form as subject, template as detail
from templates
union all
select
    recorded_at as acted_at,
    actor,
    'truth' as act,
    dataset as subject,
    concat('fields: ', fields) as detail
from truths
union all
select
    registered_at as acted_at,
    actor,
    'training' as act,
    concat_ws('/', model_name, model_version) as subject,
    concat_ws(', ', architecture, concat('recipe ', recipe), 'on ' || datasets) as detail
from model_versions
union all
select
    recorded_at as acted_at,
    actor,
    'promotion' as act,
    concat_ws('/', model_name, model_version) as subject,
    concat(action, ' as ', alias, ': ', reason) as detail
from promotions
union all
select
    recorded_at as acted_at,
    actor,
    'policy' as act,
    concat('policy ', policy_number) as subject,
    concat(
        subject, 's of ', model_name, '/', model_version, ': accepts ',
        if(threshold is null, 'nothing', printf('a confidence of %.4f or more', threshold)),
        printf(', at most %g%% wrong', 100 * max_error)
    ) as detail
from policies
union all
select
    started_at as acted_at,
    actor,
    'run' as act,
    cast(scoring_run_id as varchar) as subject,
    concat(
        dataset, ' with ', model_name, '/', model_version, ', ', precision,
        if(finished_at is null, '; not finished', '')
    ) as detail
from scoring_runs
union all
select
    reviewed_at as acted_at,
    actor,
    'review' as act,
    cast(batch_id as varchar) as subject,
    concat_ws(
        '; ',
        mode,
        if(digits > 0, concat('digits: ', digits), null),
        if(fields > 0, concat('fields: ', fields), null),
        'verdicts: '
        || array_to_string(
            list_transform(
                map_entries(verdicts), lambda entry: printf('%s (%d)', entry.key, entry.value)
            ),
            ', '
        )
    ) as detail
from batches
union all
select
    review_undos.undone_at as acted_at,
    review_undos.actor,
    'undo' as act,
    cast(review_undos.batch_id as varchar) as subject,
    if(
        blind_answers.batch_id is null,
        concat('verdicts: ', batches.digits + batches.fields),
        'blind answers: 1'
    ) as detail
from review_undos
left join batches using (batch_id)
left join blind_answers using (batch_id)
union all
select
    exported_at as acted_at,
    actor,
    'export' as act,
    folder as subject,
    concat(kind, '; rows: ', rows, '; run ' || cast(scoring_run_id as varchar)) as detail
from exports
union all
select
    invited_at as acted_at,
    invited_by as actor,
    'invite' as act,
    name as subject,
    'token issued' as detail
from reviewers
union all
select
    revoked_at as acted_at,
    revoked_by as actor,
    'revoke' as act,
    name as subject,
    'token revoked' as detail
from reviewers
where revoked_at is not null
union all
select
    created_at as acted_at,
    actor,
    'draw' as act,
    name as subject,
    concat('blind ', kind, ' of up to ', size, ' items') as detail
from blind_samples
union all
select
    blind_answers.answered_at as acted_at,
    blind_answers.actor,
    'blind answer' as act,
    blind_samples.name as subject,
    concat(
        'item ', blind_answers.item_number, ': ', if(blind_answers.answer = '', 'blank', blind_answers.answer)
    ) as detail
from blind_answers
left join blind_samples using (sample_id);

-- Comments on everything above.

comment on table exports is
    'One row per export of the audit tables or of digits to review. Rows are only appended.';
comment on view predictions_full is
    'One row per prediction and run that contains it: what was read, decided and reviewed, and where it is.';
comment on view current_decisions is
    'One row per prediction of the newest runs: the decision of the policy in force, or reviewed.';
comment on view champion_history is 'One row per period in which a version was champion.';
comment on view acts is 'One row per act of a person, or of a schedule on behalf of one.';
comment on macro find_run is 'Id of a run, given as latest, as an id or as the beginning of one.';
comment on macro table run_decisions is
    'One row per prediction of a run, with the decision of a policy. Both may be latest.';
comment on macro table run_pages is
    'One row per form page with a digit that the run contains. The run may be latest.';
comment on column exports.export_id is 'Id of the export.';
comment on column exports.kind is 'Content of the export: tables, or reviews for digits to review.';
comment on column exports.folder is 'Folder that was written.';
comment on column exports.scoring_run_id is
    'Scoring run that was exported. Null if the export covers all runs.';
comment on column exports.rows is 'Number of rows or digits written.';
comment on column exports.exported_at is 'Time of the export (UTC).';
comment on column exports.actor is 'User who ran the export.';
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
comment on column champion_history.promotion_number is 'Promotion event that began the period.';
comment on column champion_history.model_name is 'Name of the registered model.';
comment on column champion_history.model_version is 'Version that was champion.';
comment on column champion_history.started_at is 'Time when the version became champion (UTC).';
comment on column champion_history.ended_at is
    'Time when another version became champion (UTC). Null if the version is still champion.';
comment on column champion_history.promoted_by is 'User who promoted the version.';
comment on column champion_history.action is 'Event that began the period: promote or rollback.';
comment on column champion_history.reason is 'Reason for the event.';
comment on column champion_history.evidence is
    'Result of the comparison on gate digits. Null if the gate was not used.';
comment on column champion_history.former_version is 'Champion before. Null if there was none.';
comment on column champion_history.is_rolled_back is
    'True if a rollback to an earlier version ended the period.';
comment on column acts.acted_at is 'Time of the act, or of its start (UTC).';
comment on column acts.actor is 'Person who acted.';
comment on column acts.act is
    'Kind of act, such as ingest, run, promotion, policy, review, draw, blind answer, undo or export.';
comment on column acts.subject is
    'Object of the act: a dataset, form, model version, policy, run, batch of verdicts, folder or person.';
comment on column acts.detail is 'Description of the act.';
