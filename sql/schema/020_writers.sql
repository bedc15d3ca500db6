-- Record who wrote each digit, so that accuracy can be counted by writer, and accept UNIPEN as a source.
alter table digits add column writer varchar;

comment on column digits.writer is 'Person who wrote the digit, as its source names them. Null if unknown.';

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
    digits.writer,
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

-- No statement changes the condition of a column, so the table is made again.
alter table ingests rename to former_ingests;

create table ingests (
    ingest_id uuid not null,
    dataset varchar not null,
    kind varchar not null check (
        kind in ('mnist', 'optdigits', 'images', 'printed', 'unipen', 'forms', 'reviews')
    ),
    source varchar not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    digits_added bigint not null,
    digits_relabelled bigint not null,
    digits_skipped bigint not null,
    rejected bigint not null,
    documents bigint,
    pages bigint,
    actor varchar not null,
    flow_run_id varchar,
    primary key (ingest_id, dataset)
);

insert into ingests
select
    ingest_id,
    dataset,
    kind,
    source,
    started_at,
    finished_at,
    digits_added,
    digits_relabelled,
    digits_skipped,
    rejected,
    documents,
    pages,
    actor,
    flow_run_id
from former_ingests;

drop table former_ingests;

comment on table ingests is 'One row per ingest and dataset that it changed or tried to change.';
comment on column ingests.ingest_id is 'Id of the ingest. Its datasets share it.';
comment on column ingests.dataset is 'Dataset, name/split.';
comment on column ingests.kind is
    'Kind of source: mnist, optdigits, images, printed, unipen, forms or reviews.';
comment on column ingests.source is 'Path or name of the source.';
comment on column ingests.started_at is 'Time when the ingest started (UTC).';
comment on column ingests.finished_at is
    'Time when the ingest finished (UTC). Null if it is running, failed or was interrupted.';
comment on column ingests.digits_added is 'Number of new digits.';
comment on column ingests.digits_relabelled is 'Number of known digits that got another label.';
comment on column ingests.digits_skipped is 'Number of digits that the dataset already had, unchanged.';
comment on column ingests.rejected is 'Number of inputs that were rejected.';
comment on column ingests.documents is
    'Number of documents that were opened. Null if the source is not scanned forms.';
comment on column ingests.pages is
    'Number of pages in these documents. Null if the source is not scanned forms.';
comment on column ingests.actor is 'User who ran the ingest.';
comment on column ingests.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
