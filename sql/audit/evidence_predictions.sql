-- question: Which predictions exist for this digit, what does the policy decide, and on what evidence?
-- grain: One row per prediction ever made for the digit, newest first.
-- param digit: digit_id, or its beginning
-- column scored_at: time when the shard was scored (UTC)
-- column model_version: model version that made the prediction, NAME/VERSION
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column probabilities: probabilities of the digits 0 to 9, given that the image is a digit
-- column not_a_digit: score that the image is not a digit, 0 to 1, null if the model has no such score
-- column truth: label from ingest, null if unknown
-- column decision: accept, review or not_a_digit, by the policy in force for the model version
-- column policy_number: that policy, null if the model version has none
-- column threshold: lowest confidence that the policy accepts, null if it accepts nothing
-- column max_error: the policy's limit for the error rate of accepted digits, 0 to 1
-- column certainty: statistical certainty that the limit holds, 0 to 1
-- column policy_evidence: labelled digits that the policy is based on
-- column policy_labelled: number of these labelled digits
-- column policy_accepted: labelled digits that reach the threshold
-- column policy_errors: accepted labelled digits that are misread, null if the policy accepts nothing
-- column policy_error_bound: upper bound of their error rate, 0 to 1, null if the policy accepts nothing
-- column engine: hardware and program that computed the prediction, null if not recorded
-- column precision: arithmetic of the model, float32 or fast
-- column actor: user who started the scoring
-- column runs: ids of the scoring runs that contain the prediction, oldest first
-- column datasets: datasets of these runs
-- column shard_score_id: id of the shard score that contains the prediction
-- column predictions_sha256: sha256 over all predictions of that shard score, null if not recorded
with

digit_predictions as (
    select digit_id, shard_score_id, label, confidence, probabilities, not_a_digit, truth
    from predictions
    where digit_id = cast($digit as uuid)
),

policies_in_force as (
    select
        policy_number,
        model_name,
        model_version,
        precision,
        threshold,
        not_a_digit_from,
        review_rate,
        review_seed,
        max_error,
        certainty,
        evidence,
        labelled,
        accepted,
        errors,
        error_bound
    from policies
    where subject = 'digit'
    qualify
        policy_number = max(policy_number) over (partition by model_name, model_version, precision)
),

runs_of_shard as (
    select
        scoring_run_shards.shard_score_id,
        string_agg(
            cast(scoring_runs.scoring_run_id as varchar), ', '
            order by scoring_runs.started_at, scoring_runs.scoring_run_id
        ) as runs,
        string_agg(distinct scoring_runs.dataset, ', ' order by scoring_runs.dataset) as datasets,
        bool_and(run_policies.hold_reason is not null) as is_held,
        arg_max(scoring_runs.dataset, scoring_runs.started_at) as last_dataset,
        arg_max_null(run_policies.threshold, scoring_runs.started_at) as threshold
    from scoring_run_shards
    inner join scoring_runs on scoring_run_shards.scoring_run_id = scoring_runs.scoring_run_id
    inner join run_policies on scoring_runs.scoring_run_id = run_policies.scoring_run_id
    where scoring_run_shards.shard_score_id in (select shard_score_id from digit_predictions)
    group by scoring_run_shards.shard_score_id
),

final as (
    select
        shard_scores.scored_at,
        concat_ws('/', shard_scores.model_name, shard_scores.model_version) as model_version,
        digit_predictions.label,
        digit_predictions.confidence,
        digit_predictions.probabilities,
        digit_predictions.not_a_digit,
        digit_predictions.truth,
        decide_digit(
            digit_predictions.digit_id,
            digit_predictions.confidence,
            digit_predictions.not_a_digit,
            case
                when runs_of_shard.is_held then null
                when form_thresholds.digit_id is null then runs_of_shard.threshold
                else form_thresholds.threshold
            end,
            policies_in_force.not_a_digit_from,
            policies_in_force.review_rate,
            policies_in_force.review_seed
        ) as decision,
        policies_in_force.policy_number,
        if(form_thresholds.digit_id is null, runs_of_shard.threshold, form_thresholds.threshold)
            as threshold,
        policies_in_force.max_error,
        policies_in_force.certainty,
        policies_in_force.evidence as policy_evidence,
        policies_in_force.labelled as policy_labelled,
        if(policies_in_force.threshold is null, 0, policies_in_force.accepted) as policy_accepted,
        if(policies_in_force.threshold is null, null, policies_in_force.errors) as policy_errors,
        if(policies_in_force.threshold is null, null, policies_in_force.error_bound) as policy_error_bound,
        shard_scores.engine,
        shard_scores.precision,
        shard_scores.actor,
        runs_of_shard.runs,
        runs_of_shard.datasets,
        digit_predictions.shard_score_id,
        shard_scores.predictions_sha256
    from digit_predictions
    left join shard_scores using (shard_score_id)
    left join runs_of_shard using (shard_score_id)
    left join policies_in_force
        on shard_scores.model_name = policies_in_force.model_name
        and shard_scores.model_version = policies_in_force.model_version
        and shard_scores.precision = policies_in_force.precision
    left join form_thresholds
        on digit_predictions.digit_id = form_thresholds.digit_id
        and runs_of_shard.last_dataset = form_thresholds.dataset
        and policies_in_force.policy_number = form_thresholds.policy_number
)

select
    scored_at, model_version, label, confidence, probabilities, not_a_digit, truth, decision, policy_number,
    threshold, max_error, certainty, policy_evidence, policy_labelled, policy_accepted, policy_errors,
    policy_error_bound, engine, precision, actor, runs, datasets, shard_score_id, predictions_sha256
from final
order by scored_at desc, shard_score_id
