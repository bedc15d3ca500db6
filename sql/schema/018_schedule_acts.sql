-- Acts include the declarations of inboxes and of the retraining schedule, and decisions of the schedule.

-- One row per act of a person, or of a schedule on behalf of one.
create or replace view acts as
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
left join blind_samples using (sample_id)
union all
select
    declared_at as acted_at,
    actor,
    'inbox' as act,
    name as subject,
    if(is_removed, 'removed', concat_ws('', 'declared: ', place, ', archive ' || archive)) as detail
from inboxes
union all
select
    declared_at as acted_at,
    actor,
    'schedule' as act,
    'retraining' as subject,
    if(
        is_removed,
        'removed',
        concat_ws(
            '; ',
            concat('learns from ', array_to_string(datasets, ', ')),
            'cron ' || cron,
            'new labels: ' || min_new_labels,
            if(on_drift, 'drift', null),
            concat('a run that drifts: ', if_drift),
            printf('at most %g%% wrong', 100 * max_error),
            'evidence: ' || nullif(array_to_string(evidence, ', '), ''),
            concat('target missed: ', if_target_missed),
            concat('then ', afterwards)
        )
    ) as detail
from retraining_schedules
union all
select
    decided_at as acted_at,
    actor,
    'decision' as act,
    'retraining' as subject,
    concat(decision, ': ', reason) as detail
from schedule_decisions
union all
select
    recalled_at as acted_at,
    actor,
    'recall' as act,
    cast(scoring_run_id as varchar) as subject,
    'the values of this run count again' as detail
from run_recalls;

comment on view acts is 'One row per act of a person, or of a schedule on behalf of one.';
comment on column acts.acted_at is 'Time of the act, or of its start (UTC).';
comment on column acts.actor is 'Person who acted.';
comment on column acts.act is 'Kind of act, such as ingest, training, policy, review, inbox or schedule.';
comment on column acts.subject is 'Object of the act.';
comment on column acts.detail is 'Description of the act.';
