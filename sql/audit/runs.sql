-- question: What was scored, when, with which model version, and how fast?
-- grain: One row per scoring run, newest first.
-- param limit: most rows to list (default: 100)
-- column scoring_run_id: the run
-- column dataset: dataset it reads
-- column manifest_version: version of the dataset's manifest
-- column model_name: the registered model
-- column model_version: its version
-- column precision: arithmetic the model runs in
-- column status: done; running where a shard came in within 10 minutes and it did not give up; else partial
-- column shards: shards of the run
-- column shards_scored: of those, shards in the ledger
-- column rows: digits of the run
-- column rows_scored: of those, digits in the ledger
-- column seconds: time its shards took to score, where an interruption did not lose it
-- column images_per_second: digits scored per second of that time, null before the first
-- column started_at: when the run first started (UTC)
-- column finished_at: when it was done (UTC), null while it is not
-- column actor: who ran it
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
