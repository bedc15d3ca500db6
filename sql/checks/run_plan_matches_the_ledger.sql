-- question: Is every shard of a finished run scored, and every scored shard the one that was planned?
-- grain: One row per shard score and run that is missing, differs from its plan, or is planned twice.
-- column scoring_run_id: the run
-- column dataset: dataset it reads
-- column shard_score_id: the shard score, null when the run plans none at all
-- column planned_rows: digits the run planned
-- column scored_rows: digits the ledger says were scored, null when the ledger lacks it
-- column problem: what is wrong
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
            -- Forms that are all blank make a dataset without shards, whose fingerprint is that of nothing.
            when planned_shards.shard_score_id is null
                then case when runs.manifest_fingerprint <> sha256('') then 'the run plans no shard' end
            when planned_shards.times_planned > 1 then 'the run plans the shard several times'
            when runs.is_finished and ledger.shard_score_id is null
                then 'the run is finished, and the shard not scored'
            when ledger.scored_rows <> planned_shards.planned_rows
                then 'the shard was scored with another number of rows than planned'
            when ledger.shard_fingerprint <> planned_shards.shard_fingerprint
                then 'another shard was scored than planned'
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
