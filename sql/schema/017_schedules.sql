-- The declared schedule of retraining, what it decided each time, and runs that became current again.

-- The datasets that were named as evidence, so that the same target can be set for a later version.
alter table policies add column evidence_datasets varchar[];

create sequence schedule_numbers;

-- One row per declaration of the retraining schedule. The newest counts.
create table retraining_schedules (
    schedule_number bigint primary key default nextval('schedule_numbers'),
    is_removed boolean not null,
    datasets varchar[] not null,
    tests varchar[] not null,
    architecture varchar not null,
    recipe varchar not null,
    effort varchar not null,
    epochs integer,
    seed bigint not null,
    cron varchar,
    min_new_labels bigint check (min_new_labels > 0),
    on_drift boolean not null,
    if_drift varchar not null check (if_drift in ('hold', 'accept')),
    max_error double check (max_error > 0 and max_error < 1),
    certainty double not null check (certainty > 0 and certainty < 1),
    review_rate double not null check (review_rate between 0 and 1),
    evidence varchar[] not null,
    field_evidence varchar,
    if_target_missed varchar not null check (if_target_missed in ('wait', 'promote')),
    afterwards varchar not null check (afterwards in ('keep', 'decide', 'score')),
    score_since date,
    declared_at timestamptz not null,
    actor varchar not null
);

create view current_schedule as
select *
from retraining_schedules
qualify schedule_number = max(schedule_number) over () and not is_removed;

create sequence decision_numbers;

-- One row per decision of the schedule whether to train. Rows are only appended.
create table schedule_decisions (
    decision_number bigint primary key default nextval('decision_numbers'),
    schedule_number bigint not null,
    considered_at timestamptz not null,
    decision varchar not null check (decision in ('train', 'skip')),
    reason varchar not null,
    is_due boolean not null,
    model_name varchar not null,
    model_version integer check ((decision = 'train') = (model_version is not null)),
    new_labels bigint not null,
    drift_alarms bigint not null,
    review_number bigint not null,
    decided_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    unique (schedule_number, considered_at)
);

-- One row per time that a finished run was asked for again while a newer run of its dataset counted, for
-- example after a rollback. Rows are only appended.
create table run_recalls (
    scoring_run_id uuid not null,
    recalled_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    primary key (scoring_run_id, recalled_at)
);

-- The run that counts for each dataset: the last that was started or recalled, if any has finished.
create or replace view current_runs as
with

recalls as (
    select scoring_run_id, max(recalled_at) as recalled_at
    from run_recalls
    group by scoring_run_id
)

select
    scoring_runs.scoring_run_id,
    scoring_runs.dataset,
    scoring_runs.model_name,
    scoring_runs.model_version,
    scoring_runs.precision,
    scoring_runs.started_at,
    scoring_runs.finished_at
from scoring_runs
left join recalls using (scoring_run_id)
qualify row_number() over (
    partition by scoring_runs.dataset
    order by
        scoring_runs.finished_at is null,
        coalesce(recalls.recalled_at, scoring_runs.started_at) desc,
        scoring_runs.scoring_run_id
) = 1;

comment on table retraining_schedules is
    'One row per declaration of the retraining schedule. The newest counts.';
comment on view current_schedule is 'The retraining schedule that is in force: one row, or none.';
comment on table schedule_decisions is
    'One row per decision of the schedule whether to train.';
comment on table run_recalls is
    'One row per time that an older run of a dataset became its current run again.';
comment on view current_runs is 'One row per dataset: the run whose values count.';
comment on sequence schedule_numbers is 'Numbers of the declarations of the retraining schedule.';
comment on sequence decision_numbers is 'Numbers of the decisions of the schedule.';
comment on column run_recalls.scoring_run_id is 'Id of the scoring run.';
comment on column run_recalls.recalled_at is 'Time when the run was asked for again (UTC).';
comment on column run_recalls.actor is 'User who asked for the run.';
comment on column run_recalls.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column schedule_decisions.decision_number is 'Number of the decision, in recording order.';
comment on column schedule_decisions.schedule_number is 'Declaration of the schedule that decided.';
comment on column schedule_decisions.considered_at is 'Time that the decision is for (UTC).';
comment on column schedule_decisions.decision is 'train or skip.';
comment on column schedule_decisions.reason is 'Reason for the decision.';
comment on column schedule_decisions.is_due is 'True if the cron line was due, or none was given.';
comment on column schedule_decisions.model_name is 'Name of the registered model.';
comment on column schedule_decisions.model_version is 'Version that was trained. Null for skip.';
comment on column schedule_decisions.new_labels is
    'Number of digits that people labelled since the last training.';
comment on column schedule_decisions.drift_alarms is
    'Number of runs that drifted since the last training.';
comment on column schedule_decisions.review_number is 'Newest verdict that was counted. 0 for none.';
comment on column schedule_decisions.decided_at is 'Time when the decision was recorded (UTC).';
comment on column schedule_decisions.actor is 'User on whose behalf the schedule runs.';
comment on column schedule_decisions.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column current_runs.scoring_run_id is 'Id of the scoring run.';
comment on column current_runs.dataset is 'Dataset, NAME/SPLIT.';
comment on column current_runs.model_name is 'Name of the registered model.';
comment on column current_runs.model_version is 'Version of the model.';
comment on column current_runs.precision is 'Arithmetic of the model: float32 or fast.';
comment on column current_runs.started_at is 'Time when the run started for the first time (UTC).';
comment on column current_runs.finished_at is
    'Time when the run finished (UTC). Null if it has not finished.';
comment on column retraining_schedules.schedule_number is 'Number of the declaration, in recording order.';
comment on column retraining_schedules.is_removed is 'True if the declaration removes the schedule.';
comment on column retraining_schedules.datasets is 'Datasets to learn from, NAME/SPLIT.';
comment on column retraining_schedules.tests is 'Datasets to report on after training, NAME/SPLIT.';
comment on column retraining_schedules.architecture is 'Architecture of the network.';
comment on column retraining_schedules.recipe is 'Recipe of the training.';
comment on column retraining_schedules.effort is 'quick or best.';
comment on column retraining_schedules.epochs is 'Number of epochs. Null for the recipe''s number.';
comment on column retraining_schedules.seed is 'Seed of weights, order and distortions.';
comment on column retraining_schedules.cron is
    'Times at which training is considered, in UTC. Null for every night.';
comment on column retraining_schedules.min_new_labels is
    'Number of new labels that starts a training. Null if new labels alone start none.';
comment on column retraining_schedules.if_drift is
    'hold if the readings of a run that drifted wait for a person, whatever the policy; otherwise accept.';
comment on column retraining_schedules.on_drift is 'True if a drift alarm starts a training.';
comment on column retraining_schedules.max_error is
    'Target for the error rate of accepted digits, 0 to 1. Null for the terms of the policies in force.';
comment on column retraining_schedules.certainty is 'Statistical certainty that the target holds, 0 to 1.';
comment on column retraining_schedules.review_rate is
    'Share of accepted readings in the review sample, 0 to 1.';
comment on column retraining_schedules.evidence is
    'Labelled datasets that policies rest on, in addition to the gate digits.';
comment on column retraining_schedules.field_evidence is
    'Dataset of forms with known truth that field policies rest on. Null for none.';
comment on column retraining_schedules.if_target_missed is
    'wait or promote: what to do with a better version whose policy cannot meet its target.';
comment on column retraining_schedules.afterwards is
    'keep, decide or score: what happens to earlier documents after a promotion.';
comment on column retraining_schedules.score_since is
    'Documents that were ingested since this day are scored again. Null unless afterwards is score.';
comment on column retraining_schedules.declared_at is 'Time of the declaration (UTC).';
comment on column retraining_schedules.actor is 'User who declared the schedule.';
comment on column current_schedule.schedule_number is 'Number of the declaration, in recording order.';
comment on column current_schedule.is_removed is 'True if the declaration removes the schedule.';
comment on column current_schedule.datasets is 'Datasets to learn from, NAME/SPLIT.';
comment on column current_schedule.tests is 'Datasets to report on after training, NAME/SPLIT.';
comment on column current_schedule.architecture is 'Architecture of the network.';
comment on column current_schedule.recipe is 'Recipe of the training.';
comment on column current_schedule.effort is 'quick or best.';
comment on column current_schedule.epochs is 'Number of epochs. Null for the recipe''s number.';
comment on column current_schedule.seed is 'Seed of weights, order and distortions.';
comment on column current_schedule.cron is
    'Times at which training is considered, in UTC. Null for every night.';
comment on column current_schedule.min_new_labels is
    'Number of new labels that starts a training. Null if new labels alone start none.';
comment on column current_schedule.if_drift is
    'hold if the readings of a run that drifted wait for a person, whatever the policy; otherwise accept.';
comment on column current_schedule.on_drift is 'True if a drift alarm starts a training.';
comment on column current_schedule.max_error is
    'Target for the error rate of accepted digits, 0 to 1. Null for the terms of the policies in force.';
comment on column current_schedule.certainty is 'Statistical certainty that the target holds, 0 to 1.';
comment on column current_schedule.review_rate is 'Share of accepted readings in the review sample, 0 to 1.';
comment on column current_schedule.evidence is
    'Labelled datasets that policies rest on, in addition to the gate digits.';
comment on column current_schedule.field_evidence is
    'Dataset of forms with known truth that field policies rest on. Null for none.';
comment on column current_schedule.if_target_missed is
    'wait or promote: what to do with a better version whose policy cannot meet its target.';
comment on column current_schedule.afterwards is
    'keep, decide or score: what happens to earlier documents after a promotion.';
comment on column current_schedule.score_since is
    'Documents that were ingested since this day are scored again. Null unless afterwards is score.';
comment on column current_schedule.declared_at is 'Time of the declaration (UTC).';
comment on column current_schedule.actor is 'User who declared the schedule.';
comment on column policies.evidence_datasets is
    'Datasets that were named as evidence. Null for the gate digits alone, or if not recorded.';
