-- question: What was scored, when, by which model version, and how fast?
-- grain: One row per scoring run, newest first.
-- param limit: maximum number of rows (default: 100)
-- column scoring_run_id: id of the scoring run
-- column dataset: dataset of the run
-- column manifest_version: version of the dataset's manifest
-- column model_name: registered model
-- column model_version: version of the model
-- column precision: arithmetic of the model, float32 or fast
-- column status: done, running (not stopped, and active in the last 10 minutes) or partial
-- column shards: shards of the run
-- column shards_scored: shards of the run that have been scored
-- column rows: digits of the run
-- column rows_scored: digits of the run that have been scored
-- column seconds: scoring time of the run's shards, seconds, without shards of unknown time
-- column images_per_second: digits per second over the shards of known time, null if no time is known
-- column started_at: time of the first start (UTC)
-- column finished_at: time when the run finished (UTC), null if it has not
-- column actor: user who started the run
with

planned_shards as (
    select scoring_run_id, shard_score_id, rows
    from scoring_run_shards
),

ledger as (
    select shard_score_id, rows, seconds, scored_at
    from shard_scores
),

progress as (
    select
        planned_shards.scoring_run_id,
        count(*) as shards,
        count(ledger.shard_score_id) as shards_scored,
        cast(sum(planned_shards.rows) as bigint) as rows,
        cast(coalesce(sum(ledger.rows), 0) as bigint) as rows_scored,
        coalesce(sum(ledger.seconds), 0) as seconds,
        sum(ledger.rows) filter (where ledger.seconds is not null) as rows_timed,
        max(ledger.scored_at) as last_scored_at
    from planned_shards
    left join ledger using (shard_score_id)
    group by planned_shards.scoring_run_id
),

final as (
    select
        scoring_runs.scoring_run_id,
        scoring_runs.dataset,
        scoring_runs.manifest_version,
        scoring_runs.model_name,
        scoring_runs.model_version,
        scoring_runs.precision,
        case
            when scoring_runs.finished_at is not null then 'done'
            when scoring_runs.stopped_at is not null then 'partial'
            when greatest(scoring_runs.started_at, progress.last_scored_at)
                > current_timestamp - interval 10 minutes then 'running'
            else 'partial'
        end as status,
        coalesce(progress.shards, 0) as shards,
        coalesce(progress.shards_scored, 0) as shards_scored,
        coalesce(progress.rows, 0) as rows,
        coalesce(progress.rows_scored, 0) as rows_scored,
        coalesce(progress.seconds, 0) as seconds,
        round(progress.rows_timed / nullif(progress.seconds, 0), 1) as images_per_second,
        scoring_runs.started_at,
        scoring_runs.finished_at,
        scoring_runs.actor
    from scoring_runs
    left join progress using (scoring_run_id)
)

select
    scoring_run_id,
    dataset,
    manifest_version,
    model_name,
    model_version,
    precision,
    status,
    shards,
    shards_scored,
    rows,
    rows_scored,
    seconds,
    images_per_second,
    started_at,
    finished_at,
    actor
from final
order by started_at desc, scoring_run_id
limit cast($limit as bigint)
