create sequence policy_numbers;

-- One row per policy: which predictions of a model version are accepted without review, and the evidence.
-- The newest policy per version, precision and subject is in force. If threshold is null, nothing is
-- accepted. The calibration is for field confidences and is fitted on the same evidence.
create table policies (
    policy_number bigint primary key default nextval('policy_numbers'),
    subject varchar not null check (subject in ('digit', 'field')),
    model_name varchar not null,
    model_version integer not null,
    precision varchar not null,
    max_error double not null check (max_error > 0 and max_error < 1),
    certainty double not null check (certainty > 0 and certainty < 1),
    threshold float check (threshold between 0 and 1),
    not_a_digit_from float not null check (not_a_digit_from between 0 and 1),
    review_rate double not null check (review_rate between 0 and 1),
    review_seed bigint not null,
    evidence varchar not null,
    evidence_fingerprint varchar not null,
    labelled bigint not null,
    accepted bigint not null,
    errors bigint not null,
    error_bound double not null check (error_bound between 0 and 1),
    labelled_needed bigint,
    calibration_slope double check (calibration_slope >= 0),
    calibration_offset double,
    calibration_error double check (calibration_error between 0 and 1),
    calibrated_error double check (calibrated_error between 0 and 1),
    recorded_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    check (errors <= accepted and accepted <= labelled)
);

-- Whether a random sample contains an item, by the sha256 of seed and item, so that anyone can reproduce it.
create macro is_sampled(item, rate, seed) as
    cast('0x' || left(sha256(concat_ws(':', seed, item)), 8) as ubigint) < rate * 4294967296;

-- Decision on a digit: not_a_digit, review or accept. A sample of the digits that would be accepted goes to
-- review too, which measures their error rate.
create macro decide_digit(
    digit_id, confidence, not_a_digit, threshold, not_a_digit_from, review_rate, review_seed
) as
    case
        when coalesce(not_a_digit >= not_a_digit_from, false) then 'not_a_digit'
        when coalesce(confidence >= threshold, false) then
            case when is_sampled(digit_id, review_rate, review_seed) then 'review' else 'accept' end
        else 'review'
    end;

-- Confidence after a linear change of its log-odds. The calibration in Python must match this.
create macro log_odds(probability) as
    ln(probability / (1 - probability));

create macro recalibrate(confidence, slope, shift) as
    1 / (1 + exp(-(slope * log_odds(greatest(least(confidence, 1 - 1e-9), 1e-9)) + shift)));

-- One row per prediction of a run, with the decision of a policy: its number as text, or 'latest' for the
-- policy in force for the run's model version. Without a policy, every digit is for review.
create macro run_decisions(run, chosen_policy) as table
with

policy as (
    select
        policies.policy_number,
        policies.threshold,
        policies.not_a_digit_from,
        policies.review_rate,
        policies.review_seed,
        policies.max_error,
        policies.certainty
    from policies
    inner join scoring_runs using (model_name, model_version, precision)
    where
        scoring_runs.scoring_run_id = run
        and policies.subject = 'digit'
        and (chosen_policy = 'latest' or cast(policies.policy_number as varchar) = chosen_policy)
    order by policies.policy_number desc
    limit 1
)

select
    scoring_run_shards.shard_fingerprint,
    predictions.shard_score_id,
    predictions.digit_id,
    predictions.label,
    predictions.confidence,
    predictions.not_a_digit,
    predictions.truth,
    policy.policy_number,
    policy.threshold,
    policy.max_error,
    policy.certainty,
    coalesce(predictions.confidence >= policy.threshold, false) as is_sure,
    decide_digit(
        predictions.digit_id,
        predictions.confidence,
        predictions.not_a_digit,
        policy.threshold,
        policy.not_a_digit_from,
        policy.review_rate,
        policy.review_seed
    ) as decision
from predictions
inner join scoring_run_shards using (shard_score_id)
left join policy on true
where scoring_run_shards.scoring_run_id = run;

-- One row per form page with a digit that the run contains.
create macro run_pages(run) as table
select distinct pages.page_id, pages.source, pages.page
from scoring_run_shards
inner join scoring_runs using (scoring_run_id)
inner join digits using (shard_fingerprint)
inner join cells using (digit_id)
inner join pages on cells.page_id = pages.page_id and scoring_runs.dataset = pages.dataset
where scoring_run_shards.scoring_run_id = run;
