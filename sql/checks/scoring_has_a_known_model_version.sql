-- question: Is the model version of every shard score and scoring run recorded?
-- grain: One row per model version that was used but is not recorded.
-- column model_name: registered model
-- column model_version: version of the model
-- column shard_scores: number of shard scores with this version
-- column scoring_runs: number of scoring runs with this version
-- column problem: description of the problem
with

uses as (
    select model_name, model_version, 1 as shard_scores, 0 as scoring_runs
    from shard_scores
    union all
    select model_name, model_version, 0 as shard_scores, 1 as scoring_runs
    from scoring_runs
),

used_versions as (
    select
        model_name,
        model_version,
        cast(sum(shard_scores) as bigint) as shard_scores,
        cast(sum(scoring_runs) as bigint) as scoring_runs
    from uses
    group by model_name, model_version
),

final as (
    select
        used_versions.model_name,
        used_versions.model_version,
        used_versions.shard_scores,
        used_versions.scoring_runs,
        'the model version was used for scoring but is not recorded' as problem
    from used_versions
    anti join model_versions using (model_name, model_version)
)

select model_name, model_version, shard_scores, scoring_runs, problem
from final
order by model_name, model_version
