-- Acts include the declarations of inboxes and of the retraining schedule, and decisions of the schedule.

alter view acts rename to acts_of_jobs;

create view acts as
select acted_at, actor, act, subject, detail
from acts_of_jobs
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
            printf('at most %g%% wrong', 100 * max_error),
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

comment on view acts_of_jobs is 'One row per act of a job, a review or an export; part of the view acts.';
comment on view acts is 'One row per act of a person, or of a schedule on behalf of one.';
comment on column acts.acted_at is 'Time of the act, or of its start (UTC).';
comment on column acts.actor is 'Person who acted.';
comment on column acts.act is 'Kind of act, such as ingest, training, policy, review, inbox or schedule.';
comment on column acts.subject is 'Object of the act.';
comment on column acts.detail is 'Description of the act.';
