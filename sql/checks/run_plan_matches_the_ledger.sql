-- question: Is every shard of a finished run scored, and does every scored shard match its plan?
-- grain: One row per run and shard score that is missing, differs from the plan, or is planned twice.
-- column scoring_run_id: id of the scoring run
-- column dataset: dataset of the run, null if the run does not exist
-- column shard_score_id: id of the shard score, null if the run plans no shard
-- column planned_rows: digits in the plan
-- column scored_rows: digits in the ledger, null if the shard is not scored
-- column problem: description of the problem
with

runs as (
    select
        scoring_run_id,
        dataset,
        manifest_fingerprint,
        finished_at is not null as is_finished
    from scoring_runs
),

planned_shards as (
    select
        scoring_run_id,
        shard_score_id,
        min(shard_fingerprint) as shard_fingerprint,
        min(rows) as planned_rows,
        count(*) as times_planned
    from scoring_run_shards
    group by scoring_run_id, shard_score_id
),

ledger as (
    select shard_score_id, shard_fingerprint, rows as scored_rows
    from shard_scores
),

compared as (
    select
        coalesce(runs.scoring_run_id, planned_shards.scoring_run_id) as scoring_run_id,
        runs.dataset,
        planned_shards.shard_score_id,
        planned_shards.planned_rows,
        ledger.scored_rows,
        case
            when runs.scoring_run_id is null then 'the shard is planned by a run that does not exist'
            -- If all forms are blank, the dataset has no shards and its fingerprint is the sha256 of nothing.
            when planned_shards.shard_score_id is null
                then case when runs.manifest_fingerprint <> sha256('') then 'the run plans no shard' end
            when planned_shards.times_planned > 1 then 'the run plans the shard several times'
            when runs.is_finished and ledger.shard_score_id is null
                then 'the run is finished but the shard is not scored'
            when ledger.scored_rows <> planned_shards.planned_rows
                then 'the ledger has a different number of rows than the plan'
            when ledger.shard_fingerprint <> planned_shards.shard_fingerprint
                then 'the scored shard is not the planned one'
        end as problem
    from runs
    full join planned_shards on runs.scoring_run_id = planned_shards.scoring_run_id
    left join ledger on planned_shards.shard_score_id = ledger.shard_score_id
),

final as (
    select scoring_run_id, dataset, shard_score_id, planned_rows, scored_rows, problem
    from compared
    where problem is not null
)

select scoring_run_id, dataset, shard_score_id, planned_rows, scored_rows, problem
from final
order by scoring_run_id, shard_score_id
