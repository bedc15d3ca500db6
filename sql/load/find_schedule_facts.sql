-- Return what the schedule decides from: its last training, its last due decision, and what is new since.
-- One row. With $until, only facts recorded until then count.
with

decisions as (
    select considered_at, decision, is_due, model_version, review_number, decided_at
    from schedule_decisions
    where
        model_name = $model_name
        and ($until is null or (considered_at < $until and decided_at <= $until))
),

last_training as (
    select considered_at, model_version, review_number, decided_at
    from decisions
    where decision = 'train'
    order by considered_at desc
    limit 1
),

-- The newest verdict on each digit that has a label, and was given after the last training.
new_labels as (
    select count(distinct reviews.digit_id) as labels
    from reviews
    anti join review_undos
        on reviews.batch_id = review_undos.batch_id
        and ($until is null or review_undos.undone_at <= $until)
    where
        reviews.verdict in ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
        and reviews.review_number > coalesce((select review_number from last_training), 0)
        and ($until is null or reviews.reviewed_at <= $until)
),

alarms as (
    select count(distinct drift.scoring_run_id) as runs
    from drift
    inner join scoring_runs using (scoring_run_id)
    where
        drift.is_drifted
        and scoring_runs.model_name = $model_name
        and drift.measured_at > coalesce((select decided_at from last_training), timestamptz '1970-01-01')
        and ($until is null or drift.measured_at <= $until)
)

select
    (select considered_at from last_training) as trained_at,
    (select model_version from last_training) as trained_version,
    (select max(considered_at) from decisions where is_due) as due_at,
    (select labels from new_labels) as new_labels,
    (select runs from alarms) as drift_alarms,
    coalesce(
        (
            select max(review_number) from reviews
            where $until is null or reviewed_at <= $until
        ),
        0
    ) as review_number
